import Debian
import LinuxSystem

/// A package that was made of the files of a running system may have conffiles as people had changed them. The lock knows
/// what they were when they were distributed; dpkg must know it, too, or the next version of the package would replace
/// somebody's changes without a question.
extension Configure {
    /// Writes those sums into the paragraphs of configured packages.
    func recordPristine() throws {
        let sums = Dictionary(
            packages.filter { !$0.locked.pristine.isEmpty }.map { ($0.locked.name, $0.locked.pristine) }
        ) { $1 }
        if sums.isEmpty { return }
        let status = try root.read("var/lib/dpkg/status")
        try root.write(Self.status(status, with: sums), to: "var/lib/dpkg/status")
    }

    /// The database with other sums of some packages' conffiles; all else stays, byte for byte.
    static func status(_ status: [UInt8], with sums: [String: [String: String]]) -> [UInt8] {
        var known: [String: String] = [:]
        var isConffiles = false
        let newline = UInt8(ascii: "\n")
        let lines = status.split(separator: newline, omittingEmptySubsequences: false).map { bytes -> [UInt8] in
            let line = String(decoding: bytes, as: UTF8.self)
            if line.hasPrefix("Package: ") { known = sums[String(line.dropFirst(9))] ?? [:] }
            if bytes.first != UInt8(ascii: " ") { isConffiles = line.hasPrefix("Conffiles:") }
            // " /PATH MD5", where a path may have spaces.
            guard isConffiles, let (path, sum) = known.first(where: { line.hasPrefix(" \($0.key) ") }),
                line.utf8.count >= path.utf8.count + 34
            else { return Array(bytes) }
            let rest = line.utf8.dropFirst(path.utf8.count + 2)
            guard MD5Digest(hex: Array(rest.prefix(32))) != nil else { return Array(bytes) }
            return Array(" \(path) \(sum)".utf8) + rest.dropFirst(32)
        }
        return Array(lines.joined(separator: [newline]))
    }
}
