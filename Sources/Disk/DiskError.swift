public import LinuxSystem

/// What went wrong with a disk, on which file or device, why, and how to mend it.
public struct DiskError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The part of the work that failed.
    public enum Kind: Sendable {
        /// The plan cannot become a partition table.
        case plan
        /// The disk holds no partition table that can be used.
        case table
        /// The signatures on the disk contradict each other.
        case signature
        /// The device or the file could not be read, written or told.
        case device
    }

    /// The part of the work that failed.
    public let kind: Kind
    /// The file or device.
    public let subject: String
    /// What is wrong, and how to mend it where that is known.
    public let message: String
    /// The system call behind it, if it was one.
    public let cause: SystemError?

    init(_ kind: Kind, _ subject: String, _ message: String, cause: SystemError? = nil) {
        self.kind = kind
        self.subject = subject
        self.message = message
        self.cause = cause
    }

    init(_ cause: SystemError) { self.init(.device, cause.subject, "", cause: cause) }

    /// `disk.img: partition 3 "root-b" overlaps partition 2 "root-a"`.
    public var description: String {
        guard let cause else { return "\(subject): \(message)" }
        return message.isEmpty ? "\(cause)" : "\(subject): \(message): \(cause)"
    }
}

/// Runs `body`, whose system errors become disk errors.
func system<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(DiskError) -> R {
    do throws(SystemError) { return try body() } catch { throw DiskError(error) }
}
