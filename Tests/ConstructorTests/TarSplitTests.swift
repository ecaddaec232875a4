import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// What gzip(1) and tar(1) say of what is written here.
@Suite struct TarSplitTests {
    private func gunzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let result = try runTool(["gzip", "-dc"], ["PATH": "/usr/bin:/bin"], bytes)
        #expect(result.status == 0, "\(String(decoding: result.errorOutput, as: UTF8.self))")
        return result.output
    }

    @Test func gzipGivesBackWhatWasCompressed() throws {
        var random = SystemRandomNumberGenerator()
        func some(_ count: Int, of values: ClosedRange<UInt8>) -> [UInt8] {
            (0..<count).map { _ in UInt8.random(in: values, using: &random) }
        }
        let far = some(40000, of: 0...255)
        let cases: [[UInt8]] = [
            [], [0], Array("abcabcabcabc".utf8), some(1000, of: 0...255), some(5000, of: 0...1),
            [UInt8](repeating: 65, count: 300_000), far + far.suffix(33000), far + far.prefix(7300),
            Array(0...255) + Array(0...255), some(257, of: 7...7), some(258, of: 7...7), some(259, of: 7...7),
        ]
        for bytes in cases {
            let compressed = Gzip.compress(bytes)
            #expect(try gunzip(compressed) == bytes)
        }
        #expect(Gzip.compress(cases[5]).count < 3000)
    }

    /// Puts the archive together again, as containers/storage does.
    private func assembled(_ recipe: [UInt8], files: [String: [UInt8]]) throws -> [UInt8] {
        var result: [UInt8] = []
        for (number, line) in try gunzip(recipe).split(separator: 10).enumerated() {
            let json = try JSONValue(parsing: Array(line), file: "recipe")
            #expect(json["position"]?.integer == number)
            if json["type"]?.integer == 2 {
                let payload = try runTool(
                    ["base64", "-d"], ["PATH": "/usr/bin:/bin"], Array((json["payload"]?.string ?? "").utf8))
                result += payload.output
            } else if let size = json["size"]?.integer {
                let name = try #require(json["name"]?.string)
                let file = try #require(files[name], "\(name)")
                #expect(file.count == size)
                result += file
            }
        }
        return result
    }

    /// Feeds an archive in pieces of a size.
    private func recipe(_ bytes: [UInt8], pieces: Int) throws -> [UInt8] {
        var split = TarSplit()
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { try split.append($0) }
        }
        return split.finish()
    }

    @Test(arguments: ["ustar", "pax", "gnu"]) func archivesOfTarComeBackToTheByte(format: String) throws {
        let directory = try TemporaryDirectory()
        let long = (0..<6).map { _ in String(repeating: "long-name-", count: 9) }.joined(separator: "/")
        let paths = ["a", "empty", "d/b", "é/ü"] + (format == "ustar" ? [String(long.prefix(180))] : [long])
        var files: [String: [UInt8]] = [:]
        for (number, path) in paths.enumerated() {
            let content = [UInt8](repeating: UInt8(number), count: path == "empty" ? 0 : 500 + number * 12)
            try makeDirectories(parentDirectory(of: "\(directory.path)/t/\(path)"))
            try AtomicFile.write(content, to: "\(directory.path)/t/\(path)")
            files[path] = content
        }
        _ = try shell("cd \(directory.path)/t && ln a hard && ln -s a soft && mkfifo pipe")
        try run(
            "tar", "-C", "\(directory.path)/t", "--format=\(format)", "-cf", "\(directory.path)/t.tar",
            "--transform=s,^[.]/,,", ".")
        let bytes = try Descriptor.open("\(directory.path)/t.tar").readToEnd()
        // Whichever name came first is the file.
        files["hard"] = files["a"]
        for pieces in [1, 511, 100_000] {
            let recipe = try recipe(bytes, pieces: pieces)
            #expect(try assembled(recipe, files: files) == bytes, "pieces of \(pieces)")
        }
    }

    @Test func damagedArchivesNeverTrap() throws {
        let whole = TarArchive([.file("a", "text"), .directory("d"), .file("d/b", "more")]).bytes
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var bytes = whole
            for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255) }
            _ = try? recipe(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))), pieces: 700)
        }
    }
}
