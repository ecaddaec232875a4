/// The forms of texts that a blueprint may hold, for who makes one from what others wrote.
public enum TextForm: Sendable, CaseIterable {
    /// A name that a person chooses: of a blueprint, a repository, a check.
    case name
    /// A package.
    case packageName
    /// The name of a group of update-alternatives.
    case alternativeName
    /// The name of a question of debconf.
    case questionName
    /// An answer to a question of debconf.
    case answer
    /// A user or group that the blueprint makes.
    case userName
    /// A user or group that something refers to.
    case accountName
    /// The comment of a user.
    case comment
    /// A public key that may log in.
    case sshKey
    /// A path.
    case absolutePath
    /// An extended attribute of users.
    case userAttribute
    /// A unit of systemd.
    case unitName
    /// A file that adds to a unit.
    case dropInName
    /// Where an archive is.
    case uri
    /// A suite or component of an archive.
    case suite
    /// A host's name.
    case hostName
    /// A network link, or a pattern for some.
    case linkName
    /// An address.
    case address
    /// An address with the length of its prefix.
    case prefix
    /// The value of LANG.
    case lang
    /// A keyboard map.
    case keymap
    /// A time zone.
    case zone
    /// A word of the kernel's command line.
    case kernelWord
    /// A module of the kernel.
    case module
    /// The name of a kernel parameter.
    case sysctl
    /// The value of a kernel parameter.
    case sysctlValue
    /// A systemd credential.
    case credential
    /// What is mounted.
    case mountSource
    /// The type of a file system.
    case fileSystemType
    /// An option of a mount.
    case mountOption
    /// A container, or the file of a quadlet.
    case containerName

    private var rule: TextRule {
        switch self {
        case .name: .name
        case .packageName: .packageName
        case .alternativeName: .alternativeName
        case .questionName: .questionName
        case .answer: .answer
        case .userName: .userName
        case .accountName: .accountName
        case .comment: .comment
        case .sshKey: .sshKey
        case .absolutePath: .absolutePath
        case .userAttribute: .userAttribute
        case .unitName: .unitName
        case .dropInName: .dropInName
        case .uri: .uri
        case .suite: .suite
        case .hostName: .hostName
        case .linkName: .linkName
        case .address: .address
        case .prefix: .prefix
        case .lang: .lang
        case .keymap: .keymap
        case .zone: .zone
        case .kernelWord: .kernelWord
        case .module: .module
        case .sysctl: .sysctl
        case .sysctlValue: .sysctlValue
        case .credential: .credential
        case .mountSource: .mountSource
        case .fileSystemType: .fileSystemType
        case .mountOption: .mountOption
        case .containerName: .containerName
        }
    }

    /// Whether a blueprint may hold the text here; a secret it may hold nowhere.
    public func allows(_ text: String) -> Bool { rule.isValid(text) && Secrets.kind(in: Array(text.utf8)) == nil }
}
