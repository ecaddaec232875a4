/// The version of QEMU, as `qemu-system-x86_64 --version` prints it.
public struct QemuVersion: Sendable, Comparable, CustomStringConvertible {
    /// The three numbers.
    public let major: Int, minor: Int, micro: Int

    /// The oldest that is known to run Debian 13's kernel with more than one emulated processor.
    public static let oldest = QemuVersion(major: 10, minor: 0, micro: 0)

    /// A version of three numbers.
    public init(major: Int, minor: Int, micro: Int) {
        self.major = major
        self.minor = minor
        self.micro = micro
    }

    /// Finds `version 10.0.2` in the program's output; nil if there is none.
    public init?(parsing output: String) {
        guard let word = output.split(whereSeparator: \.isWhitespace).drop(while: { $0 != "version" }).dropFirst().first
        else { return nil }
        let numbers = word.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let micro = numbers[2],
            [major, minor, micro].allSatisfy({ $0 >= 0 })
        else { return nil }
        self.init(major: major, minor: minor, micro: micro)
    }

    /// Refuses the output of a QEMU that is too old, and says how to get a newer one.
    public static func check(output: String) throws(MachineError) {
        guard let version = QemuVersion(parsing: output) else {
            throw .missing("QEMU's version cannot be read from \"\(output.prefix(80))\"")
        }
        guard version >= oldest else {
            throw .missing(
                "QEMU \(version) is too old: before \(oldest) the kernel panics at random on two emulated processors. "
                    + "On Debian 12 install qemu-system-x86 and ovmf from bookworm-backports ('make setup' does so)")
        }
    }

    /// `10.0.2`.
    public var description: String { "\(major).\(minor).\(micro)" }

    /// Order by the numbers, first one first.
    public static func < (left: QemuVersion, right: QemuVersion) -> Bool {
        (left.major, left.minor, left.micro) < (right.major, right.minor, right.micro)
    }
}
