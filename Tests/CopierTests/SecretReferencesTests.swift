import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

/// Secrets of files: a reference and a keyed hash in their place.
@Suite struct SecretReferencesTests {
    private let root: DpkgRoot
    private static let key = Array("0123456789abcdef".utf8)

    init() throws { root = try DpkgRoot() }

    private func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try makeDirectories(parentDirectory(of: root.path + path))
        try AtomicFile.write(bytes, to: root.path + path)
    }

    private func copy(
        _ blueprint: Blueprint = Blueprint(name: "node"), key: [UInt8]? = Self.key
    ) throws -> (files: [String: Blueprint.File], report: CopyReport, said: String) {
        var (report, policy) = (CopyReport(), Copier.FilesPolicy())
        policy.hasher = key.flatMap { SecretHasher(key: $0) }
        let read = Copier.files(of: try root.survey(), policy)
        let files = try read(try SourceRoot(path: root.path), blueprint, &report)
        return (
            files.filter { !["/usr/sbin", "/etc/dpkg/dpkg.cfg.d"].contains($0.key) }, report,
            report.omissions.map(\.description).joined(separator: "\n")
        )
    }

    private func file(_ name: String, _ content: String? = nil, mode: UInt16 = 0o644) -> Blueprint.File {
        let hash = content.map { SHA256.keyed(Array($0.utf8), key: Self.key).hex }
        return Blueprint.File(.secret(.init(name: name, keyedHash: hash)), mode: mode)
    }

    @Test func aFileThatHoldsASecretIsAReference() throws {
        let (token, password) = ("token = hunter2-S3cret\n", "password: hunter3-S3cret\n")
        try write(token, to: "/etc/app/my token.conf")
        try write(password, to: "/etc/tool.conf")
        try write("\u{1}binary\u{0}", to: "/etc/ssl/private/site.key")
        try write(token, to: "/usr/share/tool/stray")
        try root.shell("chmod 600 'etc/app/my token.conf'; chmod 4750 etc/tool.conf; chmod 710 etc/ssl/private")
        let (files, report, said) = try copy()
        #expect(
            files == [
                "/etc/app/my token.conf": file("etc-app-my_token.conf", token, mode: 0o600),
                "/etc/tool.conf": file("etc-tool.conf", password, mode: 0o4750),
                "/etc/ssl/private": Blueprint.File(.directory, mode: 0o710),
                "/etc/ssl/private/site.key": file("etc-ssl-private-site.key", "\u{1}binary\u{0}"),
            ])
        // No machine could make it at boot.
        #expect(report.secretFiles == ["/usr/share/tool/stray"])
        #expect(
            report.secretReferences == [
                "/etc/app/my token.conf": "etc-app-my_token.conf", "/etc/tool.conf": "etc-tool.conf",
                "/etc/ssl/private/site.key": "etc-ssl-private-site.key",
            ])
        let told =
            "/etc/tool.conf: it holds a password or key: its contents stay here; give the copy the credential "
            + "etc-tool.conf"
        #expect(said.contains(told) && said.contains("/usr/share/tool/stray: it holds a password or key: bring it"))
        #expect(!said.contains("S3cret"))
        // Without a key there is no hash.
        #expect(try copy(key: nil).files["/etc/tool.conf"] == file("etc-tool.conf", mode: 0o4750))
    }

    @Test func whatNoCredentialCanBeStaysBehind() throws {
        let line = "password = hunter2-S3cret\n"
        let limit = Blueprint.Secret.largest
        try write(line + String(repeating: "x", count: limit - line.utf8.count), to: "/etc/largest")
        try write(line + String(repeating: "x", count: limit - line.utf8.count + 1), to: "/etc/larger")
        try write(line + String(repeating: "x", count: Blueprint.StoredContents.limit), to: "/etc/stored")
        try write(line, to: "/etc/overridden")
        try write(line, to: "/etc/nobodys")
        try write(line, to: "/etc/systemd/network/early")
        try root.shell("chown 0:4321 etc/nobodys; ln -s largest etc/link")
        var blueprint = Blueprint(name: "node")
        blueprint.statOverrides["/etc/overridden"] = .init(mode: 0o600)
        let (files, report, _) = try copy(blueprint)
        #expect(files.keys.sorted() == ["/etc/largest", "/etc/link", "/etc/systemd/network"])
        #expect(report.secretReferences == ["/etc/largest": "etc-largest"])
        #expect(
            report.secretFiles.sorted() == [
                "/etc/larger", "/etc/nobodys", "/etc/overridden", "/etc/stored", "/etc/systemd/network/early",
            ])
    }

    @Test(.enabled(if: geteuid() == 0)) func withoutItsListNobodyElseReadsIt() throws {
        try write("password = hunter2-S3cret\n", to: "/etc/app")
        try root.shell("chmod 600 etc/app; setfacl -m u:4321:rw etc/app; setfattr -n user.a -v b etc/app")
        let (files, _, said) = try copy()
        #expect(files["/etc/app"]?.mode == 0o600 && files["/etc/app"]?.hasAttributes == false)
        #expect(said.contains("/etc/app: without its capabilities, access control list"), "\(said)")
    }

    // MARK: - What the constructor makes

    private func construct(_ files: [String: Blueprint.File]) throws {
        for (path, text) in Blueprint.SecretFiles.registers(of: files, on: .trixie) { try write(text, to: path) }
    }

    @Test func whatTheConstructorMakesComesBack() throws {
        let hash = String(repeating: "0123456789abcdef", count: 4)
        var kept = Blueprint.File(.secret(.init(name: "kept", keyedHash: hash)), mode: 0o640)
        kept.group = "adm"
        let files = [
            "/etc/app/new": file("new", mode: 0o600), "/etc/kept.conf": kept, "/var/lib/x y%": file("b"),
            "/run/app": file("r"),
        ]
        try construct(files)
        try root.shell("mkdir -p etc/app; echo adm:x:4: >> etc/group")
        let fresh = try copy()
        #expect(fresh.files == files && fresh.report.secretReferences == [:], "\(fresh.said)")
        // Now the machine has its credentials, and makes the files.
        let secret = "no word tells that this is one\n"
        try write(secret, to: "/etc/app/new")
        try write(secret, to: "/etc/kept.conf")
        try root.shell("chmod 600 etc/app/new; chmod 640 etc/kept.conf; chgrp 4 etc/kept.conf")
        var (made, report, said) = try copy()
        var wanted = files
        wanted["/etc/app/new"] = file("new", secret, mode: 0o600)
        wanted["/etc/kept.conf"]?.content = file("kept", secret).content
        #expect(made == wanted, "\(said)")
        #expect(report.secretReferences == ["/etc/app/new": "new", "/etc/kept.conf": "kept"])
        #expect(!said.contains("no word"))
        // Whose hash nobody can make is as it was written down.
        (made, report, said) = try copy(key: nil)
        #expect(made == files, "\(said)")
    }

    @Test func linesThatSomebodyChangedAreAFile() throws {
        try construct(["/etc/app": file("a")])
        let path = Blueprint.SecretFiles.lines
        let text = try SourceRoot(path: root.path).readText(path) ?? ""
        try write(text + "d /etc/more 0755 root root -\n", to: path)
        let (files, _, _) = try copy()
        #expect(files[path] != nil && files[Blueprint.SecretFiles.dropIn] != nil && files["/etc/app"] == nil)
    }

    // MARK: - Names

    @Test func everyCredentialHasItsOwnName() throws {
        let names = CredentialName.names(
            for: [
                "/etc/a/b", "/etc/a-b", "/etc/é", "/etc/x", "/etc/\(String(repeating: "l", count: 200))1",
                "/etc/\(String(repeating: "l", count: 200))2", "/-x",
                "/" + "gh" + "p_" + String(repeating: "a", count: 36),
            ], besides: ["etc-x"])
        #expect(Set(names.values).count == 8)
        #expect(names.values.allSatisfy { TextForm.credential.allows($0) && $0.utf8.count <= 128 }, "\(names)")
        #expect(names["/etc/é"] == "etc-__")
        for path in ["/etc/a/b", "/etc/a-b"] { #expect(names[path]?.hasPrefix("etc-a-b-") == true) }
        #expect(names["/etc/x"]?.hasPrefix("etc-x-") == true)
        // Whatever else is there, and in any order.
        #expect(CredentialName.names(for: ["/etc/a-b", "/etc/a/b"], besides: [])["/etc/a/b"] == names["/etc/a/b"])
    }

    @Test func aPasswordsNameIsTaken() throws {
        try write("password = hunter2-S3cret\n", to: "/etc/app")
        var blueprint = Blueprint(name: "node")
        blueprint.users["ops"] = Blueprint.User()
        blueprint.users["ops"]?.password = .init(name: "etc-app")
        let name = try copy(blueprint).report.secretReferences["/etc/app"]
        #expect(name?.hasPrefix("etc-app-") == true)
    }

    // MARK: - Keys

    @Test func aKeyIsLongAndItsOwnersAlone() throws {
        #expect(SecretHasher(key: Array(Self.key.dropLast())) == nil && SecretHasher(key: Self.key) != nil)
        let system = { SecretHasher(of: try SourceRoot(path: root.path)) }
        #expect(try system() == nil)
        for (text, mode, isKey) in [
            ("0123456789abcdef", "600", true), ("0123456789abcdef", "640", false), ("0123456789abcde", "600", false),
            ("0123456789abcdef", "400", true),
        ] {
            try write(text, to: SecretHasher.systemKey)
            try root.shell("chmod \(mode) .\(SecretHasher.systemKey)")
            #expect(try (system() != nil) == isKey)
            let path = root.path + SecretHasher.systemKey
            let said = message { try SecretHasher(file: path) }
            #expect(said.isEmpty == isKey && (isKey || said.contains("to mend it: ")), "\(said)")
        }
        #expect(message { try SecretHasher(file: "\(root.path)/none") }.contains("No such file"))
        #expect(message { try SecretHasher(file: "\(root.path)/etc") }.contains("no regular file"))
    }

    // MARK: - Leaks

    /// Of random secrets in files of all kinds, no eight bytes are in what a copy writes.
    @Test func noWindowOfASecretIsInACopy() throws {
        var random = SeededGenerator(state: 77)
        var secrets: [[UInt8]] = []
        let places: [(path: String, head: String)] = [
            ("/etc/ssl/private/a.key", ""), ("/etc/app/plain", "password = "), ("/usr/share/tool/stray", "token: "),
            ("/etc/tool.conf", "x\napi_key="), ("/etc/credstore/x", ""), ("/var/lib/tool/state", "secret="),
        ]
        for _ in 0..<8 {
            for (path, head) in places {
                let alphabet = Array("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMN23456789+/".utf8)
                let isText = !head.isEmpty || random.chance(50)
                let count = Int.random(in: 8...400, using: &random)
                // A value that begins with "/" is a path's to the one who searches.
                let bytes = isText ? [0x61] + (0..<count).map { _ in random.pick(alphabet) } : random.bytes(count)
                secrets.append(bytes)
                try write(Array(head.utf8) + bytes + [10], to: path)
            }
            let (files, report, said) = try copy(key: random.bytes(32))
            #expect(report.secretReferences.count >= 4, "\(said)")
            var blueprint = Blueprint(name: "node")
            blueprint.files = files
            let (text, contents, _) = blueprint.yaml(contentsIn: "node.files", above: 16)
            let lines = Blueprint.SecretFiles.registers(of: files, on: .trixie).values.joined()
            let written = Array("\(text)\(said)\(lines)\(report)".utf8) + contents.values.joined()
            let windows = Set((0...(written.count - 8)).map { Array(written[$0..<$0 + 8]) })
            let leaks = secrets.indices.filter { index in
                let secret = secrets[index]
                return (0...(secret.count - 8)).contains { windows.contains(Array(secret[$0..<$0 + 8])) }
            }
            #expect(leaks == [])
        }
    }

    // MARK: - In a bundle

    @Test func aBundleHasEverySecretUnderItsName() throws {
        try write("password = hunter2-S3cret\n", to: "/etc/app")
        try write("password = hunter3-S3cret\n", to: "/usr/share/tool/stray")
        let report = try copy().report
        var archive: [UInt8] = []
        let count = try SecretBundle.write(of: report, in: SourceRoot(path: root.path)) { archive += $0 }
        #expect(count == 2)
        let path = "\(root.path)/../bundle.tar"
        try AtomicFile.write(archive, to: path)
        let names = Set(try run("tar", "--list", "--file", path).split(separator: "\n").map(String.init))
        let files = names.filter { !$0.hasSuffix("/") }.map { $0.hasPrefix("./") ? String($0.dropFirst(2)) : $0 }
        #expect(files.sorted() == ["credentials/etc-app", "files/usr/share/tool/stray"])
        #expect(
            try run("tar", "-xOf", path, names.first { $0.hasSuffix("etc-app") } ?? "") == "password = hunter2-S3cret\n"
        )
    }
}
