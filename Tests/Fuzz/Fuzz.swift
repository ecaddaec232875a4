import FuzzTargets
import Glibc
import LinuxSystem

// The program's `main` is libFuzzer's (`-sanitize=fuzzer`), which calls the two functions below. `PISCES_FUZZ_TARGET`
// names the target; without it the program lists all. `.ci/fuzz` calls it for each.

private let target: FuzzTarget = {
    guard let name = getenv("PISCES_FUZZ_TARGET").map({ String(cString: $0) }) else {
        let names = FuzzTarget.all.map { "\($0.name)\n" }.joined()
        _ = write(STDOUT_FILENO, names, names.utf8.count)
        exit(0)
    }
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else { stop("there is no target \(name)") }
    return target
}()

private func say(_ text: String) { _ = write(STDERR_FILENO, text, text.utf8.count) }

private func stop(_ message: String) -> Never {
    say("fuzz: \(message)\n")
    exit(2)
}

/// Before libFuzzer reads its arguments. With `PISCES_FUZZ_SEEDS` all that is done is to write the target's seeds and its
/// dictionary there.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutableRawPointer, _: UnsafeMutableRawPointer) -> Int32 {
    let target = target
    guard let directory = getenv("PISCES_FUZZ_SEEDS").map({ String(cString: $0) }) else { return 0 }
    do {
        try makeDirectories("\(directory)/seeds")
        for (number, seed) in try target.seeds().enumerated() {
            try AtomicFile.write(seed, to: "\(directory)/seeds/\(number)")
        }
        let words = target.words.map { word in
            "\"" + word.utf8.map { byte in "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined() + "\"\n"
        }
        try AtomicFile.write(Array(words.joined().utf8), to: "\(directory)/words")
    } catch { stop("\(error)") }
    exit(0)
}

/// Reads one input. A trap, a broken law, a time-out or too much memory ends the process, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    do {
        try target.read(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch let error as BrokenLaw {
        say("broken law: \(error)\n")
        abort()
    } catch {}
    return 0
}
