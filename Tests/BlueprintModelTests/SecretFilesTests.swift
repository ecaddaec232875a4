import PiscesTesting
import Testing

@testable import BlueprintModel

/// Files and passwords whose contents are credentials of the machine.
@Suite struct SecretFilesTests {
    private static let hash = String(repeating: "0123456789abcdef", count: 4)
    private static let other = String(hash.reversed())

    private func file(
        _ name: String, _ hash: String? = nil, mode: UInt16? = nil, owner: String = "root", group: String = "root"
    ) -> Blueprint.File {
        var file = Blueprint.File(.secret(.init(name: name, keyedHash: hash)), mode: mode)
        (file.owner, file.group) = (owner, group)
        return file
    }

    @Test func aFileMayBeACredential() throws {
        let loaded = try loadBlueprint(
            """
            users: { ops: { password: { secret: ops-password, keyed-hash: \(Self.hash) } } }
            files:
              /etc/app/token: { secret: app-token }
              /etc/app/key: { secret: app.key, keyed-hash: \(Self.hash), mode: "0640", group: ssl-cert }
            """)
        let blueprint = loaded.blueprint
        #expect(blueprint.files["/etc/app/token"] == file("app-token", mode: 0o600))
        #expect(blueprint.files["/etc/app/key"] == file("app.key", Self.hash, mode: 0o640, group: "ssl-cert"))
        #expect(blueprint.users["ops"]?.password == .init(name: "ops-password", keyedHash: Self.hash))
        let canonical = blueprint.canonicalJSON["files"]
        #expect(canonical?["/etc/app/token"]?.canonical == #"{"secret":"app-token"}"#)
        #expect(
            canonical?["/etc/app/key"]?.canonical
                == #"{"group":"ssl-cert","keyed-hash":"\#(Self.hash)","mode":"0640","secret":"app.key"}"#)
        #expect(try Blueprint(canonical: blueprint.canonicalBytes, file: "j") == blueprint)
        let (text, contents, stored) = blueprint.yaml(contentsIn: "x.files", above: 0)
        #expect(contents.isEmpty && stored.isEmpty && text.contains("/etc/app/token: { secret: app-token }"))
        #expect(try load(["x.yaml": text]).blueprint == blueprint)
        let explanation = try loaded.explain("files./etc/app/key.keyed-hash")
        #expect(explanation.value == .string(Self.hash) && explanation.documentation.contains("HMAC-SHA-256"))
    }

    @Test(arguments: [
        ("{ secret: a b }", [#"files./etc/a.secret: "a b" is not a credential name"#]),
        ("{ secret: a, text: b }", [#""secret" cannot stand beside "text""#]),
        ("{ keyed-hash: \(hash) }", [#"missing key "secret" in files./etc/a"#]),
        ("{ secret: a, keyed-hash: abc }", [#""abc" is not an HMAC-SHA-256; wanted 64 lower-case"#]),
        ("{ secret: a, keyed-hash: \(hash.uppercased()) }", ["is not an HMAC-SHA-256"]),
        ("{ secret: a, capabilities: cap_kill=p }", ["a file that is made at boot has no capabilities"]),
        (#"{ secret: a, acl: ["user:a:r--"], xattrs: { user.a: b } }"#, ["boot has no acl", "boot has no xattrs"]),
    ])
    func whatCannotBeIsTold(_ form: String, _ wanted: [String]) {
        let found = problems { try loadBlueprint("files: { /etc/a: \(form) }") }
        #expect(found.count == wanted.count, "\(found)")
        for (line, words) in zip(found, wanted) {
            #expect(line.hasPrefix("x.yaml:4:") && line.contains(words), "\(line)")
        }
    }

    @Test func aMachineMakesFilesWhereItCanWrite() throws {
        for path in ["/etc/a", "/var/lib/a/b", "/home/x/.netrc", "/root/a", "/srv/a", "/run/a"] {
            #expect(try loadBlueprint("files: { \(path): { secret: a } }").blueprint.files.count == 1)
        }
        for path in ["/usr/lib/a", "/opt/a", "/a", "/etcetera/a", "/boot/a", "/tmp/a", "/data/a"] {
            let found = problems { try loadBlueprint("files: { \(path): { secret: a } }") }
            #expect(
                found.count == 1 && found[0].contains("files.\(path): a machine cannot make this at boot"), "\(found)")
        }
        let mounted = "mounts: { /data: { what: LABEL=x, type: ext4 } }\nfiles: { /data/a: { secret: a } }"
        #expect(try loadBlueprint(mounted).blueprint.canMakeAtBoot("/data/a"))
        let overridden = "files: { /etc/a: { secret: a } }\nstat-overrides: { /etc/a: { mode: \"0600\" } }"
        #expect(
            problems { try loadBlueprint(overridden) }.map { $0.contains("take it out of stat-overrides") } == [true])
    }

    @Test func oneCredentialIsOneSecret() throws {
        let text = { (first: String, second: String) in
            """
            users: { ops: { password: { secret: shared\(first) } } }
            files: { /etc/a: { secret: shared\(second) }, /etc/b: { secret: shared } }
            """
        }
        let (same, other) = (", keyed-hash: \(Self.hash)", ", keyed-hash: \(Self.other)")
        for (first, second) in [("", ""), (same, same), ("", same), (same, "")] {
            #expect(try loadBlueprint(text(first, second)).blueprint.files.count == 2)
        }
        #expect(
            problems { try loadBlueprint(text(same, other)) } == [
                "x.yaml:5:48: files./etc/a.keyed-hash: users.ops.password has another for the same credential shared; "
                    + "one credential is one secret: give each its own name"
            ])
    }

    @Test func anotherNameHasNotTheHashOfTheFirst() throws {
        let base = """
            blueprint: 1
            name: b
            users: { ops: { password: { secret: a, keyed-hash: \(Self.hash) } } }
            files: { /etc/a: { secret: a, keyed-hash: \(Self.hash), mode: "0640" }, /etc/b: { secret: b }, /etc/c: { text: c } }
            """
        let main = """
            include: [base.yaml]
            users: { ops: { password: { secret: z } } }
            files: { /etc/a: { secret: z }, /etc/b: { text: public }, /etc/c: { secret: c } }
            """
        let blueprint = try loadBlueprint(main, ["base.yaml": base]).blueprint
        #expect(blueprint.files["/etc/a"] == file("z", mode: 0o640))
        #expect(blueprint.users["ops"]?.password == .init(name: "z"))
        #expect(blueprint.files["/etc/b"]?.content == .regular(Array("public".utf8)))
        #expect(blueprint.files["/etc/c"] == file("c"))
        // A hash alone is one of the secret that is there.
        let more = "include: [base.yaml]\nfiles: { /etc/b: { keyed-hash: \(Self.hash) } }"
        #expect(try loadBlueprint(more, ["base.yaml": base]).blueprint.files["/etc/b"] == file("b", Self.hash))
    }

    @Test func aChangedSecretIsSaidInWords() {
        var (old, new) = (Blueprint(name: "x"), Blueprint(name: "x"))
        old.files = ["/etc/a": file("a", Self.hash)]
        new.files = ["/etc/a": file("a", Self.other)]
        #expect(
            Blueprint.diff(old, new).map(\.description) == [
                #"~ files./etc/a.keyed-hash: "\#(Self.hash)" -> "\#(Self.other)" (the secret changed, or the key of the "#
                    + "hash)"
            ])
        new.files = ["/etc/a": file("b", Self.hash)]
        #expect(Blueprint.diff(old, new).map(\.description) == [#"~ files./etc/a.secret: "a" -> "b""#])
    }

    // MARK: - For systemd

    @Test func passwordsComeBackOfTheirUnits() {
        for secret in [Blueprint.Secret(name: "a.b"), .init(name: "x-password", keyedHash: Self.hash)] {
            let unit = secret.passwordUnit(of: "ops")
            #expect(Blueprint.Secret(ofPasswordUnit: unit.text, of: "ops") == secret)
            #expect(Blueprint.Secret(ofPasswordUnit: unit.text, of: "other") == nil)
            #expect(Blueprint.Secret(ofPasswordUnit: unit.text + "# mine\n", of: "ops") == nil)
        }
        #expect(Blueprint.Secret(ofPasswordUnit: "", of: "ops") == nil)
    }

    @Test func linesAreThoseOfSystemd() {
        let files = [
            "/etc/b": file("b", Self.hash, mode: 0o640, owner: "ops", group: "adm"), "/etc/a 100%": file("a"),
            "/etc/plain": Blueprint.File(.directory),
        ]
        let registers = Blueprint.SecretFiles.registers(of: files, on: .trixie)
        #expect(
            registers == [
                Blueprint.SecretFiles.lines: """
                # Files that hold secrets: each is made of the credential that its line names.
                f+^ "/etc/a 100%%" 0600 root root - a
                # keyed-hash \(Self.hash)
                f+^ "/etc/b" 0640 ops adm - b

                """,
                Blueprint.SecretFiles.dropIn: "[Service]\nImportCredential=a\nImportCredential=b\n",
            ])
        let older = Blueprint.SecretFiles.registers(of: files, on: .bookworm)
        #expect(older[Blueprint.SecretFiles.dropIn] == "[Service]\nLoadCredential=a\nLoadCredential=b\n")
        #expect(Blueprint.SecretFiles.registers(of: ["/etc/plain": .init(.directory)], on: .trixie) == [:])
    }

    @Test func anyFilesComeBackOfTheirLines() throws {
        var random = SeededGenerator(state: 31)
        for _ in 0..<300 {
            var files: [String: Blueprint.File] = [:]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let alphabet = Array("ab \"\\%%'#-nté日\u{301};=".unicodeScalars)
                var name = String.UnicodeScalarView()
                for _ in 0..<Int.random(in: 1...12, using: &random) { name.append(random.pick(alphabet)) }
                let path = "/etc/\(String(name))"
                guard TextForm.absolutePath.allows(path) else { continue }
                files[path] = file(
                    random.pick(["a", "b.c", "x_Y-1"]), random.pick([nil, Self.hash, Self.other]),
                    mode: random.pick([0o600, 0o4755, 0, 0o7]), owner: random.pick(["root", "ops"]),
                    group: random.pick(["root", "adm"]))
            }
            guard !files.isEmpty else { continue }
            let text = Blueprint.SecretFiles.registers(of: files, on: .bookworm)[Blueprint.SecretFiles.lines] ?? ""
            #expect(Blueprint.SecretFiles.files(of: text) == files, "\(text)")
            // What somebody wrote into it, no blueprint says.
            var changed = Array(text.utf8)
            changed[Int.random(in: 0..<changed.count, using: &random)] = random.pick(Array("a \"\\%\n#0".utf8))
            let read = String(validating: changed, as: UTF8.self).flatMap(Blueprint.SecretFiles.files)
            let again = read.map { Blueprint.SecretFiles.registers(of: $0, on: .trixie)[Blueprint.SecretFiles.lines] }
            #expect(again == nil || again.map { $0.map { Array($0.utf8) } } == changed)
        }
        #expect(Blueprint.SecretFiles.files(of: "f+^ \"\n") == nil && Blueprint.SecretFiles.files(of: "x") == nil)
    }
}
