internal import LinuxSystem

/// What the controller could not do, on what, why, and how to mend it.
public struct ControllerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the matter is.
    public enum Kind: Sendable {
        /// Something does not fit; nothing was changed.
        case space
        /// Both copies of the record are damaged, or one was written by a newer Pisces.
        case record
        /// The partition table is not one of ours.
        case table
        /// What was read back is not what was written.
        case readBack
        /// The artefacts could not be read.
        case source
        /// A generation is not one for this machine, or its parts contradict each other.
        case manifest
        /// A manifest is not signed by anybody who is trusted, or a key cannot be used.
        case trust
        /// The device or file system failed.
        case device
        /// Another process is at work.
        case busy
    }

    /// What the matter is.
    public let kind: Kind
    /// The disk, file or artefact.
    public let subject: String
    /// What is wrong, and how to mend it.
    public let message: String

    /// Makes an error.
    public init(_ kind: Kind, _ subject: String, _ message: String) {
        self.kind = kind
        self.subject = subject
        self.message = message
    }

    /// `efi: …`.
    public var description: String { "\(subject): \(message)" }
}

/// Runs `body`, whose system errors become the controller's.
func system<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(ControllerError) -> Result {
    do throws(SystemError) { return try body() } catch {
        throw ControllerError(.device, error.subject, "\(error)")
    }
}
