/// Why a boot artefact cannot be made or read.
public struct BootArtefactError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What it was to be: `UKI`, `initrd`, `modules.dep`…
    public let artefact: String
    /// What is wrong, where, and how to mend it where that is known.
    public let message: String

    init(_ artefact: String, _ message: String) {
        self.artefact = artefact
        self.message = message
    }

    /// `UKI: the stub ends inside its section table`.
    public var description: String { "\(artefact): \(message)" }
}
