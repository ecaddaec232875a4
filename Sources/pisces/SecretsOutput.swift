import Copier
import LinuxSystem

/// Seals the secrets that a copy leaves out, for those who hold the keys, with age(1).
struct SecretsOutput {
    let path: String
    /// Public keys as `age --recipient` takes them.
    let recipients: [String]

    /// Writes the file whole or not at all.
    ///
    /// - Returns: how many secrets it has.
    func write(of copy: SystemCopy, in root: SourceRoot) throws -> Int {
        let age = Command("age", ["--encrypt"] + recipients.flatMap { ["--recipient", $0] }, package: "age")
        var count = 0
        let sealed = try age.run { write in
            count = try SecretBundle.write(of: copy.report, in: root, to: write)
        }
        try AtomicFile.write(sealed.output, to: path)
        return count
    }
}
