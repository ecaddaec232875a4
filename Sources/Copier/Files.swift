public import BlueprintModel
internal import Glibc
internal import LinuxSystem

extension Copier {
    /// Which of a system's own files travel.
    public struct FilesPolicy: Sendable {
        /// Areas where people put what they want, of which all travels: `/home`. A top directory that no system has, such
        /// as `/data`, is one, too.
        public var areas: Set<String> = []
        /// Paths that are read whatever the survey says of them, with what a blueprint has there: to compare it.
        public var known: [String: Blueprint.File] = [:]
        /// Makes the keyed hashes of secrets; nil makes none.
        public var hasher: SecretHasher?
        /// Whether what a copy would put right is wanted, too: an owner or mode other than its override says.
        var isComparison = false

        /// The usual one: what the survey finds in `/etc`, `/usr` and other places that packages fill.
        public init() {}
    }

    /// Reads the kind `files` from a survey of the same root: what people changed and put there.
    ///
    /// What another kind makes, what a register says in fewer words, what is made from other files, and what belongs to
    /// this machine or to one run of it, does not travel; the report has the number of such paths by reason.
    public static func files(of survey: Survey, _ policy: FilesPolicy = FilesPolicy()) -> FilesReader {
        { root, blueprint, report in
            var reading = try FilesReading(root: root, policy: policy, of: blueprint)
            for finding in survey.findings() {
                report.explained.contains(finding.path) ? reading.noteAttributes(finding) : reading.read(finding)
            }
            reading.readReferences(survey)
            for path in policy.known.keys.sorted(by: bytesPrecede) { reading.compare(path, survey.finding(at: path)) }
            reading.readRemovedLinks()
            reading.readDisabledUserUnits()
            reading.finish(&report)
            return reading.files
        }
    }
}

/// A path as a line of a report shows it.
private func shown(_ path: String) -> String {
    path.unicodeScalars.map { $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0) }
        .joined()
}

/// Makes files of a blueprint of findings.
private struct FilesReading {
    let root: SourceRoot
    let policy: Copier.FilesPolicy
    /// What the other kinds say.
    private let blueprint: Blueprint
    /// Whose owner and mode the blueprint says elsewhere, by path.
    private var overrides: [String: Blueprint.StatOverride] { blueprint.statOverrides }
    private let scripts: MaintainerScripts
    private let owners: [UInt32: String]
    private let groups: [UInt32: String]
    private(set) var files: [String: Blueprint.File] = [:]
    private var omissions: [(subject: String, reason: String)] = []
    private var secrets: [String] = []
    /// Files that the machine makes of credentials when it starts, as the constructor has it do that.
    private var references: [String: Blueprint.File] = [:]
    /// What holds a secret, in the words of a report: by path, for those that are references now.
    private var found: [String: String] = [:]
    /// The tool, or all of it, by the reason that the survey gives.
    private var keys: [String: String] = [:]
    /// How many paths stay behind, by that key, and one of them.
    private var behind: [String: (count: Int, example: String, reason: String)] = [:]

    /// What only means something on the machine, or on the image that a blueprint makes.
    private static let own: [(path: String, reason: String)] = [
        ("/etc/fstab", "the image's layout and `mounts` say what is mounted"),
        ("/etc/mtab", "the kernel says what is mounted"),
        ("/etc/crypttab", "the image's layout says what is mounted"),
        ("/etc/ld.so.cache", "made from other files"),
    ]
    /// What `users` and `groups` say, with hashes of passwords, too.
    private static let accounts = Set(
        ["passwd", "group", "shadow", "gshadow", "subuid", "subgid"].flatMap { ["/etc/\($0)", "/etc/\($0)-"] })
    /// What a constructed system carries of its own making.
    private var constructed = [
        "/usr/lib/pisces/system", "/usr/share/factory/var", "/etc/ssh/sshd_config.d/10-pisces-identity.conf",
        "/usr/lib/systemd/system/pisces-ssh-keys.service", "/usr/lib/pisces/first-boot",
        "/usr/lib/systemd/system/pisces-var.service", "/usr/lib/systemd/system/sysinit.target.wants/pisces-var.service",
    ]
    /// The directories of these, where no package has them.
    private static let constructedDirectories = ["/usr/lib/pisces", "/usr/share/factory"]
    /// The names of what a constructed machine makes for itself at its first boot: each has a script, a unit, and files
    /// that have others wait for it.
    private let firstBoot: [String]

    init(root: SourceRoot, policy: Copier.FilesPolicy, of blueprint: Blueprint) throws {
        self.root = root
        self.policy = policy
        self.blueprint = blueprint
        scripts = MaintainerScripts(root)
        let names = { (file: String) throws -> [UInt32: String] in
            let fields = TextLine.lines(of: try root.read(file) ?? []).lines.map { parts(of: $0.text, at: ":") }
            let pairs = fields.compactMap { fields in
                fields.count > 3 ? UInt32(fields[2]).map { ($0, fields[0]) } : nil
            }
            // Every system has this one, whether its files say so or not.
            return Dictionary([(0, "root")] + pairs) { first, _ in first }
        }
        owners = try names("/etc/passwd")
        groups = try names("/etc/group")
        firstBoot = DpkgState.names(in: "/usr/lib/pisces/first-boot", root)
        if let text = try? root.readText(Blueprint.SecretFiles.lines) {
            references = Blueprint.SecretFiles.files(of: text) ?? [:]
        }
        for release in Blueprint.Release.allCases {
            for (path, text) in Blueprint.SecretFiles.registers(of: references, on: release)
            where (try? root.readText(path)) == text { constructed.append(path) }
        }
    }

    mutating func read(_ finding: Finding) {
        if finding.path == "/" || references[finding.path] != nil { return }
        if Self.accounts.contains(finding.path) { return stay(finding, "accounts are users and groups") }
        if let own = Self.own.first(where: { $0.path == finding.path }) { return stay(finding, own.reason) }
        if isConstructed(finding.path) { return stay(finding, "the constructor makes it") }
        if finding.cause == .payload, let area = Self.area(of: finding.path), !isWanted(finding.path) {
            return stay(finding, "below \(area), which is no directory of a system; --policy \(area) takes it along")
        }
        switch finding.cause {
        case .pristine: break
        case .attributesDiffer where !policy.isComparison && !isAsOverridden(finding):
            leaveOut(finding, Self.otherThanOverridden)
            // Capabilities and the like travel all the same.
            if finding.node?.xattrs.isEmpty == false { take(finding) }
        case .conffileChanged, .shippedChanged, .attributesDiffer, .setting, .payload: take(finding)
        case .policyArea:
            isWanted(finding.path) ? take(finding) : stay(finding, "\(finding.reason); --policy AREA takes it along")
        case .missing: readMissing(finding)
        case .unreadable: omissions.append((finding.path, finding.reason))
        case .residual, .register, .derived, .state, .identity, .volatile, .notEntered, .vanished:
            stay(finding, finding.reason)
        }
    }

    /// Tells what another kind that makes a path has no words for.
    mutating func noteAttributes(_ finding: Finding) {
        guard let names = finding.node?.xattrs.keys, !names.isEmpty else { return }
        leaveOut(finding, "without its \(names.sorted().joined(separator: ", "))")
    }

    /// Reads what is at a path of which a blueprint speaks.
    mutating func compare(_ path: String, _ finding: Finding?) {
        guard let finding, finding.node != nil else {
            if policy.known[path]?.content == .absent { files[path] = Blueprint.File(.absent) }
            return
        }
        if files[path] == nil { take(finding) }
    }

    private func isConstructed(_ path: String) -> Bool {
        if constructed.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) { return true }
        if Self.constructedDirectories.contains(path) { return true }
        let dropIn = Blueprint.SecretFiles.dropIn
        if constructed.contains(dropIn), path == parentDirectory(of: dropIn) {
            return DpkgState.names(in: path, root).allSatisfy { "\(path)/\($0)" == dropIn }
        }
        let units = "/usr/lib/systemd/system/"
        guard !firstBoot.isEmpty, path.hasPrefix(units) else { return false }
        let dropIns = firstBoot.map { "pisces-\($0).conf" }
        if path.hasSuffix(".d") { return DpkgState.names(in: path, root).allSatisfy(dropIns.contains) }
        return dropIns.contains { path.hasSuffix(".d/\($0)") }
            || firstBoot.contains { path == "\(units)pisces-\($0).service" }
    }

    private func isWanted(_ path: String) -> Bool {
        policy.areas.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    /// The top directory of a path, unless packages fill it.
    private static func area(of path: String) -> String? {
        let top = path.utf8.dropFirst().prefix { $0 != UInt8(ascii: "/") }
        let isSystem = PathTree.systemDirectories.contains { top.elementsEqual($0.utf8) }
        return isSystem ? nil : "/" + String(decoding: top, as: UTF8.self)
    }

    /// What was deleted on purpose must be deleted again; anything else that is missing is a fault.
    private mutating func readMissing(_ finding: Finding) {
        if finding.tags.contains(.tombstone) {
            if let path = self.path(of: finding) { files[path] = Blueprint.File(.absent) }
        } else if !finding.tags.contains(.legal) {
            omissions.append((finding.path, "\(finding.reason): the copy has it again"))
        }
    }

    private mutating func stay(_ finding: Finding, _ reason: String) {
        // Of what one tool makes, one path is enough to tell.
        let key = keys[reason] ?? reason.firstRange(of: ": ").map { String(reason[..<$0.lowerBound]) } ?? reason
        keys[reason] = key
        let known = behind[key]
        behind[key] = (
            (known?.count ?? 0) + 1, known?.example ?? finding.path,
            known.map { $0.reason == reason ? reason : key } ?? reason
        )
    }

    private func path(of finding: Finding) -> String? {
        !finding.tags.contains(.notUTF8) && TextForm.absolutePath.allows(finding.path) ? finding.path : nil
    }

    private mutating func leaveOut(_ finding: Finding, _ reason: String) {
        omissions.append((shown(finding.path), reason))
    }

    private mutating func take(_ finding: Finding) {
        guard let node = finding.node else { return }
        guard let path = path(of: finding) else {
            return leaveOut(finding, "a blueprint cannot have a file of this name")
        }
        // Of a file that is the package's, only what it has besides travels.
        let isPackaged =
            finding.cause == .attributesDiffer && !node.xattrs.isEmpty
            || policy.known[path]?.content == .packaged && [.pristine, .attributesDiffer].contains(finding.cause)
        let attributes = FileAttributes(
            node, isPackaged: isPackaged, user: { owners[$0] }, group: { groups[$0] })
        if isPackaged, policy.known[path] == nil, let package = scripts.giver(of: attributes.capabilities, path) {
            return stay(finding, "given by a maintainer script of \(package)")
        }
        guard let content = isPackaged ? .packaged : content(of: finding, node) else { return }
        var file = Blueprint.File(content, mode: UInt16(node.mode & 0o7777))
        switch content {
        case .packaged, .symlink: file = Blueprint.File(content)
        case .regular, .stored, .secret, .directory, .absent: break
        }
        if !isPackaged {
            // A number without a name is no account's.
            file.owner = owners[node.uid] ?? "\(node.uid)"
            file.group = groups[node.gid] ?? "\(node.gid)"
        }
        guard TextForm.accountName.allows(file.owner), TextForm.accountName.allows(file.group) else {
            if found.removeValue(forKey: path) != nil { secrets.append(path) }
            return leaveOut(finding, "it belongs to \(file.owner):\(file.group), whom a blueprint cannot name")
        }
        if overrides[path] != nil, isAsOverridden(finding) || !policy.isComparison {
            switch content {
            case .regular, .stored, .directory:
                if !isAsOverridden(finding) { leaveOut(finding, Self.otherThanOverridden) }
                file = Blueprint.File(content)
            case .secret, .packaged, .symlink, .absent: break
            }
        }
        if case .secret = content {
            if attributes.acl.contains(where: { !$0.isDefault }) { file.mode &= ~0o070 }
            if !attributes.isEmpty { leaveOut(finding, Self.withoutAttributes) }
            files[path] = file
            return
        }
        for omission in attributes.omissions { leaveOut(finding, omission) }
        if isPackaged && attributes.isEmpty && policy.known[path] == nil { return }
        (file.capabilities, file.acl, file.xattrs) = (attributes.capabilities, attributes.acl, attributes.xattrs)
        files[path] = file
    }

    private static let withoutAttributes =
        "without its capabilities, access control list and attributes, since the machine makes it at boot"
    private static let otherThanOverridden =
        "its owner or mode is not what dpkg-statoverride asks for: the copy has what is asked for"

    /// Whether a path has the owner and mode of its override; true where it has none.
    private func isAsOverridden(_ finding: Finding) -> Bool {
        guard let node = finding.node, let override = overrides[finding.path] else { return true }
        return owners[node.uid] == override.owner && groups[node.gid] == override.group
            && node.mode & 0o7777 == UInt32(override.mode)
    }

    private mutating func content(of finding: Finding, _ node: Finding.Node) -> Blueprint.File.Content? {
        switch node.kind {
        case .directory: return .directory
        case .symlink(let target):
            if policy.known[finding.path] == nil, let link = scripts.links[finding.path],
                target.elementsEqual(link.target.utf8)
            {
                stay(finding, "made by a maintainer script of \(link.package)")
                return nil
            }
            guard let text = String(validating: target, as: UTF8.self), !text.isEmpty else {
                leaveOut(finding, "the target of this symlink is not UTF-8")
                return nil
            }
            return .symlink(text)
        case .file:
            if let secret = reference(at: finding.path) { return read(secret, finding) }
            if node.size > Int64(Blueprint.StoredContents.limit) { return large(finding) }
            guard let bytes = bytes(of: finding) else { return nil }
            if policy.known[finding.path]?.content != .regular(bytes),
                let kind = SecretFiles.kind(finding.path, bytes)
            {
                return self.secret(kind, bytes, finding)
            }
            if policy.known[finding.path] == nil, let reason = origin(of: finding, node, bytes) {
                stay(finding, reason)
                return nil
            }
            return .regular(bytes)
        case .fifo, .socket, .characterDevice, .blockDevice:
            leaveOut(finding, "a blueprint has files, directories and symlinks; let tmpfiles.d(5) make this")
            return nil
        }
    }

    /// Why the packages make a file that no package owns, just as it is; nil if they do not.
    private func origin(of finding: Finding, _ node: Finding.Node, _ bytes: [UInt8]) -> String? {
        // Scripts run as root with the usual umask.
        guard finding.owners.isEmpty, (node.uid, node.gid, node.mode) == (0, 0, 0o644) else { return nil }
        if finding.path == "/etc/shells" {
            let entries = { (bytes: [UInt8]) in Set(TextLine.lines(of: bytes).lines.compactMap(\.content)) }
            let known = entries((try? root.read("/var/lib/shells.state")) ?? [])
            let now = entries(bytes)
            let isOfPackages = known.isSubset(of: now) && now.subtracting(known).allSatisfy(scripts.isShell)
            return isOfPackages ? "update-shells: the shells of packages" : nil
        }
        return scripts.author(of: finding.path, bytes).map { "written by a maintainer script of \($0)" }
    }

    private mutating func bytes(of finding: Finding) -> [UInt8]? {
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try root.read(finding.path, limit: Blueprint.StoredContents.limit)
        } catch {
            leaveOut(finding, error.code == EFBIG ? Self.hasChanged : Self.unreadable(error))
            return nil
        }
        guard let bytes else {
            leaveOut(finding, Self.hasVanished)
            return nil
        }
        return bytes
    }

    // MARK: - Secrets

    /// Reads the files that the machine makes of credentials: what is there now, or is to be once it has them.
    mutating func readReferences(_ survey: Survey) {
        for (path, file) in references.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            files[path] = file
            if let finding = survey.finding(at: path), finding.cause != .pristine { take(finding) }
        }
    }

    /// The credential of which a file is known to be made.
    private func reference(at path: String) -> Blueprint.Secret? {
        for file in [references[path], policy.known[path]] {
            if case .secret(let secret)? = file?.content { return secret }
        }
        return nil
    }

    /// The keyed hash of what a file holds; one that nobody can make anew is as it was written down.
    private func keyedHash(of bytes: [UInt8], at path: String) -> String? {
        policy.hasher?.hash(bytes) ?? reference(at: path)?.keyedHash
    }

    /// What is in the place of a file that is known to be made of a credential.
    private mutating func read(_ secret: Blueprint.Secret, _ finding: Finding) -> Blueprint.File.Content? {
        guard let bytes = bytes(of: finding) else { return nil }
        if bytes.count > Blueprint.Secret.largest {
            leaveOut(finding, Self.holds("more than a credential can, in place of the credential \(secret.name)"))
            secrets.append(finding.path)
            return nil
        }
        found[finding.path] = "what the credential \(secret.name) gave it"
        return .secret(.init(name: secret.name, keyedHash: keyedHash(of: bytes, at: finding.path)))
    }

    /// A file that holds a secret, as a reference; nil where a machine could not make it at boot.
    private mutating func secret(_ kind: String, _ bytes: [UInt8], _ finding: Finding) -> Blueprint.File.Content? {
        let path = finding.path
        guard bytes.count <= Blueprint.Secret.largest, blueprint.canMakeAtBoot(path), overrides[path] == nil,
            self.path(of: finding) != nil, !Self.early.contains(where: path.hasPrefix)
        else {
            leaveOut(finding, Self.holds(kind))
            secrets.append(path)
            return nil
        }
        found[path] = kind
        // It gets its name when all are known.
        return .secret(.init(name: "", keyedHash: keyedHash(of: bytes, at: path)))
    }

    /// What systemd reads before it makes any file.
    private static let early = ["/etc/systemd/", "/etc/containers/systemd/"]

    /// Names the credentials of new references, and tells of all whose secret is here.
    private mutating func nameReferences(_ report: inout CopyReport) {
        var (unnamed, taken): ([String], [String]) = ([], blueprint.users.values.compactMap(\.password?.name))
        for (path, file) in files {
            guard case .secret(let secret) = file.content else { continue }
            secret.name.isEmpty ? unnamed.append(path) : taken.append(secret.name)
        }
        for (path, name) in CredentialName.names(for: unnamed, besides: Set(taken)) {
            guard case .secret(var secret)? = files[path]?.content else { continue }
            secret.name = name
            files[path]?.content = .secret(secret)
        }
        for (path, kind) in found.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard case .secret(let secret)? = files[path]?.content else { continue }
            report.secretReferences[path] = secret.name
            let told = "it holds \(kind): its contents stay here; give the copy the credential \(secret.name)"
            omissions.append((shown(path), told))
        }
    }

    /// What is too large for memory is known by its digest. No maintainer script writes as much.
    private mutating func large(_ finding: Finding) -> Blueprint.File.Content? {
        do throws(SystemError) {
            switch try root.large(finding.path) {
            case .vanished: leaveOut(finding, Self.hasVanished)
            case .changed: leaveOut(finding, Self.hasChanged)
            case .contents(let contents, let secret):
                let content = Blueprint.File.Content.stored(contents)
                guard let secret, policy.known[finding.path]?.content != content else { return content }
                leaveOut(finding, Self.holds(secret))
                secrets.append(finding.path)
            }
        } catch {
            leaveOut(finding, Self.unreadable(error))
        }
        return nil
    }

    private static let hasVanished = "it vanished while it was copied"
    private static let hasChanged = "it changed while it was copied: copy again when nobody writes to it"

    private static func unreadable(_ error: SystemError) -> String {
        "it cannot be read: \(String(cString: strerror(error.code)))"
    }

    private static func holds(_ secret: String) -> String {
        "it holds \(secret): bring it to the copy by yourself, or by --secrets"
    }

    /// Reads what a package's script puts there and somebody took away: no register has it.
    mutating func readRemovedLinks() {
        for path in scripts.links.keys where TextForm.absolutePath.allows(path) && files[path] == nil {
            // Where the directory is missing, too, the script makes none.
            if isMissing(path), !isMissing(parentDirectory(of: path)) { files[path] = Blueprint.File(.absent) }
        }
    }

    /// Reads units of users that packages have enabled, and somebody has disabled for all.
    mutating func readDisabledUserUnits() {
        let state = "/var/lib/systemd/deb-systemd-user-helper-enabled"
        for name in DpkgState.names(in: state, root) where name.hasSuffix(".dsh-also") {
            if isMissing("/usr/lib/systemd/user/\(name.dropLast(".dsh-also".count))") { continue }
            for line in parts(of: (try? root.readText("\(state)/\(name)") ?? "") ?? "", at: "\n")
            where line.hasPrefix("/etc/systemd/user/") && TextForm.absolutePath.allows(line) && files[line] == nil {
                if isMissing(line) { files[line] = Blueprint.File(.absent) }
            }
        }
    }

    private func isMissing(_ path: String) -> Bool { (try? root.statusOfLink(path)) == .some(nil) }

    /// Drops directories that come with what is in them, and tells what stays behind.
    mutating func finish(_ report: inout CopyReport) {
        var parents: Set<String> = []
        for (path, file) in files where file.content != .absent {
            var parent = parentDirectory(of: path)
            while parent != "/", parents.insert(parent).inserted { parent = parentDirectory(of: parent) }
        }
        files = files.filter { path, file in
            file != Blueprint.File(.directory) || !parents.contains(path) || policy.known[path] != nil
        }
        nameReferences(&report)
        report.secretFiles += secrets
        report.omissions += omissions.map { .init(kind: "files", subject: $0.subject, reason: $0.reason) }
        for (_, paths) in behind.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let subject = paths.count == 1 ? paths.example : "\(paths.count) paths such as \(paths.example)"
            report.omissions.append(.init(kind: "files", subject: shown(subject), reason: paths.reason))
        }
    }
}
