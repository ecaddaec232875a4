import ArgumentParser
import BlueprintModel
import Constructor
import Copier
import Debian
import Glibc
import LinuxSystem

struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Write a Debian system down as a blueprint.",
        discussion: """
            Reads the running system, or the one below --root or in --image, and writes the blueprint of a system like \
            it: packages, alternatives, diversions, overrides, answers to questions, mounts, repositories, users, units, \
            network, kernel, containers, and the files that people changed or put there. Larger contents lie beside the \
            blueprint, in NAME.files; --json has of contents of more than 4 MiB the size and the SHA-256 alone. Nothing \
            of the system is changed; of a secret only the name of a credential is written, and a keyed hash; standard \
            error tells what was left out, and why. Run it as root, or some registers cannot be read.
            With --output, NAME.lock names exactly the packages that are installed: from the content store and apt's \
            cache, else from a mirror that still has this version, else made again of the system's files (into the store).
            With --seal, one file has all of it: from it, the system is constructed without any network.
              pisces copy --output node.yaml
              pisces copy --root /mnt --offspring --name spare --output spare.yaml
              pisces copy --seal node.seal && pisces construct node.seal --output node.raw
            """)

    @Option(name: .long, help: "The root of the system, a directory.", completion: .directory)
    var root = "/"

    @Option(
        name: .long, help: "A raw disk image whose system is copied; only root may, who mounts it read-only.",
        completion: .file())
    var image: String?

    @Option(name: .long, help: "With --image: the number of the root's partition, where several may be it.")
    var partition: Int?

    @Option(name: [.short, .long], help: "The blueprint to write (default: standard output).", completion: .file())
    var output: String?

    @Option(name: .long, help: "What the blueprint is called (default: the host's name).")
    var name: String?

    @Option(
        name: .long, help: "An area of which all files travel, such as /srv or /home; may be repeated.",
        completion: .directory)
    var policy: [String] = []

    @Flag var identity: CopyIdentity = .self

    @Flag(name: .long, help: "Write no lock beside the blueprint: `pisces lock` then takes the newest packages.")
    var noLock = false

    @Option(
        name: .long,
        help: "Write blueprint, contents, lock and all bytes that the lock names into one file, NAME.seal.",
        completion: .file(extensions: ["seal"]))
    var seal: String?

    @Flag(
        name: .customLong("public"),
        help: "The copy is for all to see: write nothing if anything may be a secret, such as a long random word.")
    var isPublic = false

    @Option(
        name: .long,
        help: "With --public: a path, or keys such as users.ada.comment, that somebody has looked at; may be repeated.")
    var vetted: [String] = []

    @Option(
        name: .long, help: "Write the secrets that the copy leaves out into one file, sealed with age(1).",
        completion: .file())
    var secrets: String?

    @Option(
        name: .long,
        help: "With --secrets: who may open it, as age takes it: a public key of age's or SSH's; may be repeated.")
    var recipient: [String] = []

    @Option(
        name: .long,
        help: "The key of the keyed hashes of secrets, a file that only its owner reads (default: the system's own).",
        completion: .file())
    var hashKey: String?

    @OptionGroup var sources: SourceOptions

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        if let name, !TextForm.name.allows(name) {
            throw ValidationError("--name \(name): wanted lower-case letters, digits and \"-\", at most 63")
        }
        if image != nil && root != "/" { throw ValidationError("--image and --root exclude each other") }
        if partition != nil && image == nil { throw ValidationError("--partition needs --image") }
        if (secrets == nil) != recipient.isEmpty {
            throw ValidationError("--secrets FILE and --recipient KEY need each other")
        }
        if !vetted.isEmpty && !isPublic { throw ValidationError("--vetted needs --public") }
        if hashKey != nil && (isPublic || identity == .offspring) {
            throw ValidationError("--hash-key: a copy with --public or --offspring has no keyed hashes")
        }
        if let seal, !seal.hasSuffix(Seal.suffix) {
            throw ValidationError("--seal \(seal): the name of a sealed system ends in \(Seal.suffix)")
        }
    }

    func run() throws {
        let console = Console(outputOptions)
        let mounted = try image.map { try DiskImage($0).mount(partition: partition) }
        let source = try CopySource(mounted?.root ?? root, commandLine: mounted?.commandLine)
        var copy = try copier(source, console).copy()
        if isPublic { try Self.refuseSuspicions(in: copy.blueprint, vetted: Set(vetted)) }
        while true {
            do {
                return try write(copy, of: source, console)
            } catch let error as ContentsChanged {
                // It was whole when the blueprint was made, and is not any more: the copy does without it.
                guard copy.leaveOut(error) else { throw error }
                console.warning("a file changed while it was copied, so that the copy begins again: \(error.reason)")
            }
        }
    }

    /// Writes what is asked for.
    private func write(_ copy: SystemCopy, of source: CopySource, _ console: Console) throws {
        // Only a blueprint on standard output has nothing beside it.
        let isAlone = output == nil && seal == nil && !outputOptions.json
        let (folder, limit) = (contentsFolder, isAlone ? Int.max : Self.inlineLimit)
        let (text, contents, stored) = copy.blueprint.yaml(contentsIn: folder.name, above: limit)
        let size = stored.values.reduce(text.utf8.count) { $0 + $1.size }
        if isAlone, size > Self.largestText {
            throw Failure(
                "the blueprint has \(humanSize(size)) with the contents of all files\n"
                    + "  to mend it: name a file by --output; larger contents then lie beside it")
        }
        let loaded = try Self.check(copy.blueprint, text, contents, stored)
        if let secrets {
            let count = try SecretsOutput(path: secrets, recipients: recipient).write(of: copy, in: source.root)
            console.note("\(secrets): \(count) secrets; age --decrypt --identity KEY \(secrets) | tar --list --verbose")
        }
        if let output {
            try needingRoom("--output") { try write(contents, stored, to: folder.path) }
            try AtomicFile.write(Array(text.utf8), to: output)
        }
        let lock = try lock(of: copy, loaded, source, console)
        if let output, let lock, !noLock { try Workspace.write(lock, to: Workspace.lockPath(of: output)) }
        if let seal, let lock {
            try needingRoom("--seal") {
                try SealedOutput(path: seal, resolver: resolver(loaded, console)).write(copy.blueprint, lock)
            }
        }
        // When all is written: only then it is known what nobody changed meanwhile.
        for omission in copy.report.omissions {
            if !outputOptions.json { console.note("left out: \(omission)") }
        }
        if outputOptions.json { return console.result(answer(copy).canonical) }
        let written = [output, seal].compactMap { $0 }
        if written.isEmpty { return console.result(String(text.dropLast())) }
        for path in written { console.result(path) }
        console.note("next: pisces construct \(written[0])")
    }

    /// Says what to do about a full disk, on which nothing was left.
    private func needingRoom(_ option: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as SystemError where error.isFull || error.isTooLarge {
            throw Failure(
                "\(error)\n  to mend it: free some space there, or name a place that takes larger files by \(option)")
        }
    }

    private func resolver(_ loaded: LoadedBlueprint, _ console: Console) -> Resolver {
        Resolver(loaded: loaded, path: output ?? seal ?? "", options: sources, console: console)
    }

    /// More no document may have.
    private static let largestText = 4 << 20

    /// What a person would still read in the blueprint.
    static let inlineLimit = 4096

    /// Where larger contents go: beside the blueprint, called as it is.
    private var contentsFolder: (name: String, path: String) {
        let file = output ?? "copy.yaml"
        let stem = file.hasSuffix(".yaml") ? String(file.dropLast(5)) : file
        return ("\(stem.split(separator: "/").last ?? "copy").files", stem + ".files")
    }

    /// Writes the contents whole, in place of those of an earlier copy: before the blueprint that names them.
    private func write(
        _ contents: [String: [UInt8]], _ stored: [String: Blueprint.StoredContents], to path: String
    ) throws {
        if contents.isEmpty && stored.isEmpty { return }
        let directory = try AtomicDirectory.create(path)
        try directory.directory.setMode(0o755)
        for name in (Array(contents.keys) + Array(stored.keys)).sorted(by: bytesPrecede) {
            let parts = name.split(separator: "/").dropFirst()
            for count in 1..<parts.count {
                try directory.directory.makeDirectory(parts.prefix(count).joined(separator: "/"))
            }
            let flags = O_WRONLY | O_CREAT | O_EXCL
            let file = try directory.directory.openBeneath(parts.joined(separator: "/"), flags, mode: 0o644)
            try file.writeAll(contents[name] ?? [])
            try stored[name]?.write(to: file)
        }
        try directory.commit()
    }

    /// The lock, where one is wanted. A blueprint without a lock is worth something, a lock that lacks packages is not, and
    /// neither is a seal.
    private func lock(
        of copy: SystemCopy, _ loaded: LoadedBlueprint, _ source: CopySource, _ console: Console
    ) throws -> Lock? {
        if seal == nil && (output == nil || noLock) { return nil }
        do {
            let (lock, remarks) = try CopyLock(
                copy: copy, root: source.root, resolver: resolver(loaded, console), console: console
            ).make()
            for remark in remarks { console.note("left out: \(remark)") }
            return lock
        } catch  where seal == nil {
            console.warning("no lock was written, so that `pisces lock` would take the newest packages: \(error)")
            return nil
        }
    }

    private static func refuseSuspicions(in blueprint: Blueprint, vetted: Set<String>) throws {
        let suspicions = PublicCheck.suspicions(in: blueprint, vetted: vetted)
        if suspicions.isEmpty { return }
        let lines = suspicions.map { "  \($0)" }.joined(separator: "\n")
        throw Failure(
            "nothing was written, since all may see a public copy, and of this nobody knows that it is no secret:\n"
                + "\(lines)\n  to mend it: look at each, and take it out of the system or name it by --vetted")
    }

    private func copier(_ source: CopySource, _ console: Console) throws -> Copier {
        var copier = try source.copier()
        copier.identity = identity == .self ? .same : .offspring
        copier.name = name
        copier.hasKeyedHashes = !isPublic
        if !isPublic && identity == .self { copier.hasher = try source.hasher(hashKey) }
        var policy = Copier.FilesPolicy()
        policy.hasher = copier.hasher
        policy.areas = Set(self.policy.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 })
        // After the registers were read: a root that is no Debian system is none to survey.
        copier.files = { [policy] root, blueprint, report in
            let survey = try source.survey(console, inside: Array(policy.areas))
            return try Copier.files(of: survey, policy)(root, blueprint, &report)
        }
        return copier
    }

    /// Reads what was written: nothing leaves that a blueprint may not hold, and nothing that is not what was meant.
    private static func check(
        _ blueprint: Blueprint, _ text: String, _ contents: [String: [UInt8]],
        _ stored: [String: Blueprint.StoredContents]
    ) throws -> LoadedBlueprint {
        do {
            let read = { (path: String) throws -> [UInt8] in
                if path == "copy" { return Array(text.utf8) }
                guard let bytes = contents[path] else { throw Failure("no file of this copy") }
                return bytes
            }
            // That they hold no secret is known since their digest is.
            let known = try Blueprint.load("copy", read: read) { path in
                stored[path].map { Blueprint.LargeSource($0, secret: nil) }
            }
            guard known.blueprint == blueprint else { throw Failure("reading it gives another blueprint") }
            return known
        } catch {
            throw Failure("nothing was written, since this would be no valid blueprint: \(error)")
        }
    }

    private func answer(_ copy: SystemCopy) -> JSONValue {
        let omissions = copy.report.omissions.map { omission in
            JSONValue.object([
                "kind": .string(omission.kind), "subject": .string(omission.subject),
                "reason": .string(omission.reason),
            ])
        }
        let blueprint = copy.blueprint.canonicalJSON
        return .object([
            "name": .string(copy.blueprint.name), "digest": .string(SHA256.hash(blueprint.canonicalBytes).hex),
            "blueprint": blueprint, "omissions": .array(omissions),
        ])
    }
}

extension SystemCopy {
    /// Leaves out the file whose contents these are; false where there is none.
    fileprivate mutating func leaveOut(_ changed: ContentsChanged) -> Bool {
        let found = blueprint.files.filter { _, file in
            guard case .stored(let contents) = file.content else { return false }
            return contents.place == changed.contents.place
        }
        for path in found.keys.sorted(by: bytesPrecede) {
            blueprint.files[path] = nil
            report.omissions.append(
                .init(
                    kind: "files", subject: path,
                    reason: "\(changed.reason) while it was copied: copy again when nobody writes to it"))
        }
        return !found.isEmpty
    }
}

/// A system that is read.
struct CopySource {
    let root: SourceRoot
    /// The kernel's command line, where it is known from elsewhere.
    let commandLine: String?

    /// The system below a directory.
    init(_ path: String, commandLine: String? = nil) throws {
        self.commandLine = commandLine
        do throws(SystemError) {
            root = try SourceRoot(path: path)
        } catch {
            throw Failure("\(error)\n  to mend it: name the root of a Debian system by --root")
        }
    }

    func copier() throws -> Copier {
        var copier = Copier(root)
        let status = try root.directory.status()
        let own = try Descriptor.directory("/").status()
        copier.isRunning = (status.device, status.inode) == (own.device, own.inode)
        copier.commandLine = commandLine
        // A host without apt has no mirrors of its own: then all are written down.
        copier.hostMirror = try? HostMirror.discover(run: runTool)
        return copier
    }

    /// What makes keyed hashes, with the key of a file or the system's own; nil where it has none.
    func hasher(_ file: String?) throws -> SecretHasher? {
        try file.map { try SecretHasher(file: $0) } ?? SecretHasher(of: root)
    }

    /// - Parameter inside: what is looked at whole, of the areas where people put what they want.
    func survey(_ console: Console, inside: [String]) throws -> Survey {
        console.begin("survey all paths")
        var options = Survey.Options()
        options.inside = inside
        options.cacheDirectory = try? Workspace.cacheDirectory("copy")
        let survey = try Survey.take(of: root, options)
        console.end("\(survey.counts.paths) paths")
        for note in survey.notes { console.warning(note) }
        return survey
    }
}

/// Whose copy it is.
enum CopyIdentity: String, EnumerableFlag {
    case `self`
    case offspring

    static func help(for value: CopyIdentity) -> ArgumentHelp? {
        switch value {
        case .self: "The copy is the same machine, for its other slot."
        case .offspring: "The copy is another machine: it is called by the blueprint's name."
        }
    }
}
