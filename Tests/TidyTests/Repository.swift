import Glibc
import LinuxSystem

/// A text of the repository, or a made-up one that a rule is tried on.
struct SourceFile {
    /// Relative to the repository's root.
    let path: String
    let text: String
    /// For Swift and C.
    let code: Code?

    init(path: String, text: String) {
        self.path = path
        self.text = text
        let isCode = [".swift", ".c", ".h"].contains { path.hasSuffix($0) }
        code = isCode ? Code(text, path.hasSuffix(".swift") ? .swift : .c) : nil
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    /// The folder below `Sources/` or `Tests/`; nil elsewhere.
    var target: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" || parts[0] == "Tests" else { return nil }
        return String(parts[1])
    }
}

/// The checkout that these tests were built from.
enum Repository {
    /// Its absolute path: three levels above this file.
    static let root = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))

    /// Every file that is tracked or would be by `git add`, in byte order.
    static func paths() throws -> [String] {
        // Owned by another user, as in a container, the checkout is still the one to look at.
        let command = "git -C '\(root)' -c safe.directory='*' ls-files -z --cached --others --exclude-standard"
        guard let stream = popen(command, "re") else { throw SystemError(call: "popen", subject: "git", code: errno) }
        var output: [UInt8] = []
        while case let byte = getc(stream), byte != EOF { output.append(UInt8(truncatingIfNeeded: byte)) }
        guard pclose(stream) == 0 else { throw SystemError(call: "git ls-files", subject: root, code: EIO) }
        let paths = output.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        // A file may be gone from the disk and not yet from the index.
        return paths.filter { access("\(root)/\($0)", F_OK) == 0 }.sorted(by: bytesPrecede)
    }

    /// The text of one file; nil for bytes that are not UTF-8.
    static func file(_ path: String) throws -> SourceFile? {
        let bytes = try Descriptor.open("\(root)/\(path)").readToEnd()
        return String(validating: bytes, as: UTF8.self).map { SourceFile(path: path, text: $0) }
    }

    /// All texts, read once.
    static let files = Result { try paths().compactMap(file) }
}
