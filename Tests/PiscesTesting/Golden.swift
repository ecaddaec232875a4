internal import Glibc
internal import LinuxSystem

/// Compares with a file kept beside the test, or records it when `PISCES_RECORD` is set (`make record`).
///
/// - Returns: nil when equal, else a sentence that says where the first difference is.
public func differenceFromGolden(_ text: String, _ name: String, testFile: String = #filePath) -> String? {
    differenceFromGolden(text, at: "\(parentDirectory(of: testFile))/Goldens/\(name)")
}

/// The same for a file anywhere in the repository.
public func differenceFromGolden(_ text: String, at path: String) -> String? {
    if getenv("PISCES_RECORD") != nil {
        do {
            try makeDirectories(parentDirectory(of: path))
            try AtomicFile.write(Array(text.utf8), to: path)
            return nil
        } catch { return "\(error)" }
    }
    guard let golden = try? String(decoding: Descriptor.open(path).readToEnd(), as: UTF8.self) else {
        return "no golden file \(path): run 'make record' and review it"
    }
    if golden == text { return nil }
    let wanted = golden.split(separator: "\n", omittingEmptySubsequences: false)
    let seen = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (number, pair) in zip(wanted, seen).enumerated() where pair.0 != pair.1 {
        return "\(path):\(number + 1): wanted \"\(pair.0)\", got \"\(pair.1)\""
    }
    return "\(path): wanted \(wanted.count) lines, got \(seen.count)"
}
