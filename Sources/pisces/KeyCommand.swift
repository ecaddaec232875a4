import ArgumentParser
import BlueprintModel
import Constructor
import Controller
import LinuxSystem

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make keys that sign generations, and say whose generations this machine takes.",
        discussion: """
            A machine takes a generation whose manifest is signed by a key that it trusts: one in /etc/pisces/trust.d or \
            /usr/lib/pisces/trust.d that is revoked in neither.
            """,
        subcommands: [Generate.self, Sign.self, Trust.self, Revoke.self, List.self])
}

extension KeyCommand {
    /// Where the operator's decisions are.
    struct TrustOptions: ParsableArguments {
        @Option(name: .long, help: "The trust directory.", completion: .directory)
        var directory = TrustStore.directories[0]
    }

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key: PATH is the secret, PATH.pem is what machines are to trust.")

        @Argument(help: "The file of the secret key; nothing is overwritten.", completion: .file())
        var path: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            let id = try TrustStore.generate(path: path)
            let console = Console(output)
            console.note("\(path) is the secret: keep it from others; have machines trust \(path).pem")
            console.result(
                output.json
                    ? JSONValue.object([
                        "id": .string("\(id)"), "secret": .string(path), "public": .string("\(path).pem"),
                    ]).canonical : "\(id)")
        }
    }

    struct Sign: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign a manifest: MANIFEST.sig gets a line for the key.",
            discussion: "Lines of other keys stay, so that several may sign. No network and no image is needed.")

        @Argument(help: "The manifest, as pisces construct wrote it.", completion: .file(extensions: ["json"]))
        var manifest: String
        @Option(name: .long, help: "The file of the secret key.", completion: .file())
        var key: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            let bytes = try Workspace.readFile(manifest, limit: TrustStore.manifestLimit)
            let signer = try Ed25519PrivateKey.read(pem: try Workspace.readFile(key, limit: 1 << 20), file: key)
            let path = "\(manifest).sig"
            let old = try signatures(at: path)
            let id = KeyID(signer.publicKey)
            try AtomicFile.write(try TrustStore.signatures(old, adding: signer, to: bytes, file: path), to: path)
            Console(output).result(
                output.json
                    ? JSONValue.object(["id": .string("\(id)"), "signatures": .string(path)]).canonical : path)
        }

        /// What others have signed already.
        private func signatures(at path: String) throws(SystemError) -> [UInt8] {
            do throws(SystemError) {
                return try Workspace.readFile(path, limit: TrustStore.signaturesLimit)
            } catch  where error.isNotFound {
                return []
            }
        }
    }

    struct Trust: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Trust a public key: take generations that it signed.")

        @Argument(help: "The public key, a PEM file.", completion: .file(extensions: ["pem"]))
        var file: String
        @OptionGroup var trust: TrustOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let pem = try Workspace.readFile(file, limit: 64 << 10)
            report(try TrustStore.trust(pem: pem, file: file, in: trust.directory), "trusted", output)
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take trust from a key, wherever it is trusted.")

        @Argument(help: "The key's id: 16 hexadecimal digits, as `pisces key list` shows them.")
        var id: String
        @OptionGroup var trust: TrustOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard let id = KeyID(id) else {
                throw Failure("\(id) is no key's id, which has 16 hexadecimal digits: see `pisces key list`")
            }
            try TrustStore.revoke(id, in: trust.directory)
            report(id, "revoked", output)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show which keys this machine trusts, which are revoked, and which files are neither.")

        @Option(name: .long, help: "A trust directory; may be repeated (default: both).", completion: .directory)
        var directory = TrustStore.directories
        @OptionGroup var output: OutputOptions

        func run() throws {
            let store = try TrustStore(directories: directory)
            let console = Console(output)
            let entries = store.entries
            if output.json {
                let keys = entries.map { entry in
                    JSONValue.object([
                        "id": .string("\(entry.id)"), "file": .string(entry.file),
                        "state": .string(entry.isTrusted ? "trusted" : "revoked"),
                    ])
                }
                return console.result(
                    JSONValue.object([
                        "keys": .array(keys), "ignored": .array(store.ignored.map { .string($0) }),
                    ]).canonical)
            }
            for entry in entries {
                console.result("\(entry.id)  \(entry.isTrusted ? "trusted" : "revoked")  \(entry.file)")
            }
            for reason in store.ignored { console.result("ignored  \(reason)") }
            if store.keys.isEmpty {
                console.note(
                    "no key is trusted: `pisces key trust FILE.pem` names whose generations this machine takes")
            }
        }
    }
}

private func report(_ id: KeyID, _ state: String, _ output: OutputOptions) {
    Console(output).result(
        output.json ? JSONValue.object(["id": .string("\(id)"), "state": .string(state)]).canonical : "\(id)  \(state)")
}

extension ManifestSigner {
    /// Signs with the key in a file, which is read and goes nowhere else.
    init(keyFile: String) throws {
        let key = try Ed25519PrivateKey.read(pem: try Workspace.readFile(keyFile, limit: 1 << 20), file: keyFile)
        self.init(key: "\(KeyID(key.publicKey))") { try TrustStore.signature(of: $0, by: key) }
    }
}
