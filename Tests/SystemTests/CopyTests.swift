import BlueprintModel
import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// The law of the house: what is constructed of a blueprint is copied as that blueprint.
    @Suite struct CopyTests {
        private let site: Site
        private var tree: String { "\(site.folder.path)/out/tree" }

        init() throws { site = try Site.shared.get() }

        /// What the copier writes of a tree.
        private func copy(_ tree: String) throws -> (blueprint: [String: JSONValue], omissions: [String]) {
            let said = try asOwner([builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "--json"])
            let answer = try JSONValue(parsing: Array(said.utf8), file: "answer")
            let omissions = (answer["omissions"]?.array ?? []).map { omission in
                ["kind", "subject", "reason"].compactMap { omission[$0]?.string }.joined(separator: ": ")
            }
            return (answer["blueprint"]?.object ?? [:], omissions)
        }

        /// A tree of this test's own, that it may change.
        private func changeableTree(_ name: String) throws -> String {
            let folder = "\(site.folder.path)/\(name)"
            try asOwner(["sh", "-ec", "mkdir '\(folder)'; cp -a '\(tree)' '\(folder)/tree'"])
            return "\(folder)/tree"
        }

        private func blueprint(of folder: Folder) throws -> [String: JSONValue] {
            let loaded = try Blueprint.load(folder.blueprint) { path in try Descriptor.open(path).readToEnd() }
            return loaded.blueprint.canonicalJSON.object ?? [:]
        }

        /// The kinds that cannot be equal, with the reason.
        private static let unequal = [
            "packages": "names stand in the order of bytes; \"without\" is only written where apt would take another",
            "repositories": "a directory of packages is nowhere in the system",
            "kernel": "the command line is in the kernel image, which is in no plain tree",
            "files": "what lies in /var is data, which travels by --policy",
        ]

        @Test func whatIsConstructedIsCopied() throws {
            let wanted = try blueprint(of: site.folder)
            let (copied, omissions) = try copy(tree)
            for kind in Set(wanted.keys).union(copied.keys) where Self.unequal[kind] == nil {
                #expect(copied[kind] == wanted[kind], "\(kind)")
            }
            for kind in Self.unequal.keys { #expect(copied[kind] != wanted[kind], "\(kind) is equal by now") }
            let names = { (value: JSONValue?) in (value?["install"]?.array ?? []).compactMap(\.string).sorted() }
            #expect(names(copied["packages"]) == names(wanted["packages"]))
            #expect(copied["packages"]?.object?.count == 1 && copied["repositories"] == nil)
            var files = wanted["files"]?.object
            files?["/var/lib/node/state"] = nil
            #expect(files?.count == 5 && copied["files"]?.object == files)
            for key in ["modules", "sysctl", "initrd-modules"] {
                #expect(copied["kernel"]?[key] == wanted["kernel"]?[key])
            }
            #expect(omissions.allSatisfy { $0.hasPrefix("files: ") }, "\(omissions)")
        }

        @Test func theEmbeddedBlueprintIsNotRead() throws {
            let tree = try changeableTree("embedded")
            let before = try copy(tree)
            try asOwner(["rm", "-r", "\(tree)/usr/lib/pisces/system"])
            let after = try copy(tree)
            #expect(before.blueprint == after.blueprint)
            let others = { (omissions: [String]) in omissions.filter { !$0.hasSuffix(": the constructor makes it") } }
            #expect(others(before.omissions) == others(after.omissions))
        }

        @Test(.enabled(if: geteuid() == 0, "only root can mount an image"))
        func theSystemOfAnImageIsThatOfItsTree() throws {
            let wanted = try blueprint(of: site.folder)
            let (tree, _) = try copy(tree)
            let image = "\(site.scratch)/node.raw"
            try makeDirectories(site.scratch)
            try run("cp", "--sparse=always", site.image, image)
            let copyImage = {
                let outcome = try piscesCommand(["copy", "--image", image, "--name", "node", "--json"]).outcome()
                #expect(outcome.status == .exited(0), outcome.text)
                let answer = try JSONValue(parsing: Array(outcome.output.utf8), file: "answer")
                return answer["blueprint"]?.object ?? [:]
            }
            let before = try run("sha256sum", image)
            let copied = try copyImage()
            // The command line is in an image, and in no tree.
            for kind in Set(tree.keys).union(copied.keys) where kind != "kernel" {
                #expect(copied[kind] == tree[kind], "\(kind)")
            }
            #expect(copied["kernel"] == wanted["kernel"])
            #expect(try run("sha256sum", image) == before)
            // What a machine changed since is on its data partition.
            let data = try #require(PartitionTable.read(path: image).partition(named: "data"))
            try run(
                "unshare", "--mount", "sh", "-ec",
                """
                cd '\(site.scratch)'; mkdir data
                mount -o loop,offset=\(data.startBytes),sizelimit=\(data.sizeBytes) node.raw data
                mkdir -p data/lib/pisces/generations/1/etc; cd data/lib/pisces/generations/1/etc
                echo Drift > motd; mknod node c 0 0; cd ../../../../../..; umount data
                """)
            let changed = try copyImage()["files"]?.object ?? [:]
            #expect(changed["/etc/motd"]?["text"]?.string == "Drift\n")
            let inNode = changed.keys.filter { $0.hasPrefix("/etc/node/") }
            #expect(inNode == [] && copied["files"]?.object?.keys.contains { $0.hasPrefix("/etc/node/") } == true)
            #expect(try !run("losetup", "--list", "--noheadings").contains(image))
        }

        /// A copy that is constructed is copied as itself.
        @Test func aCopyIsAFixedPoint() throws {
            let folder = try site.makeFolder("copy")
            try site.warm(folder)
            let yaml = "\(site.scratch)/copy.yaml"
            try asOwner([
                builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "--output", yaml, "--quiet",
                "--no-lock",
            ])
            // Where packages of no archive are, nothing in the system tells.
            try write(try fileText(yaml) + "repositories:\n  own: { directory: ../deb }\n", to: folder.blueprint)
            try folder.fitLock()
            let output = "\(folder.path)/out/tree"
            let built = try piscesCommand(
                ["construct", folder.blueprint, "-o", "directory:\(output)", "--store", Site.warmStore],
                cache: folder.cache
            ).outcome()
            #expect(built.status == .exited(0), "\(built.errors)")
            let (first, _) = try copy(tree)
            let (second, _) = try copy(output)
            #expect(first == second)
        }

        @Test func driftIsWhatSomebodyChangedSince() throws {
            let tree = try changeableTree("drift")
            let drift = { (options: [String]) throws -> Outcome in
                try piscesCommand(["diff", "--running", site.folder.blueprint, "--root", tree, "--quiet"] + options)
                    .outcome()
            }
            let none = try drift([])
            #expect(none.status == .exited(0) && none.output.isEmpty, "\(none.output)\(none.errors)")
            try asOwner([
                "sh", "-ec",
                """
                cd '\(tree)'
                echo other > etc/hostname; echo '192.0.2.1 peer' >> etc/hosts; echo Bye > etc/motd; echo 1 > var/lib/node/state
                touch -d @1000000000 etc/motd; echo 'bob:x:1999:1999::/home/bob:/bin/sh' >> etc/passwd
                echo 'bob:x:1999:' >> etc/group; rm etc/node/latest etc/systemd/system/apt-daily.timer
                printf 'Start-Date: 2026-11-23  10:00:00\\nCommandline: apt install jq\\nInstall: jq:amd64 (1)\\n' \
                    > var/log/apt/history.log
                printf '\\nStart-Date: later\\nInstall: gojq:amd64 (1)\\n' >> var/log/apt/history.log
                printf '\\nPackage: jq\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 1\\n' \
                    >> var/lib/dpkg/status
                """,
            ])
            let some = try drift([])
            #expect(some.status == .exited(1))
            // That of the state is the time of this test.
            let lines = some.output.split(separator: "\n").map { $0.prefix { $0 != "{" } }
                .filter { !$0.hasPrefix(#"~ files./var/lib/node/state.text: "0\n" -> "1\n"  (changed 20"#) }
            #expect(lines.count == 7)
            #expect(
                lines == [
                    "+ files./etc/hosts: ",
                    #"~ files./etc/motd.text: "Welcome\n" -> "Bye\n"  (changed 2001-09-09 01:46:40 UTC)"#,
                    "- files./etc/node/latest: ", "~ network.hostname: \"node-7\" -> \"other\"",
                    "+ packages.install: \"jq\"  (install, 2026-11-23  10:00:00, by apt install jq)",
                    "- units.mask: \"apt-daily.timer\"", "+ users.bob: ",
                ], "\(some.output)\(some.errors)")
            let json = try drift(["--json"]).output.split(separator: "\n").last ?? ""
            #expect(
                try JSONValue(parsing: Array(json.utf8), file: "json")["path"]?.array == [
                    .string("users"), .string("bob"),
                ])
        }

        @Test func aPersonReadsWhatWasLeftOut() throws {
            let root = try smallRoot("left", status: Self.dpkg)
            try makeDirectories("\(root)/var/lib/dpkg/alternatives")
            try write("manual\n/usr/bin/editor\n\n", to: "\(root)/var/lib/dpkg/alternatives/editor")
            let outcome = try piscesCommand(["copy", "--root", root]).outcome()
            #expect(outcome.status == .exited(0))
            #expect(
                outcome.output.hasPrefix("# yaml-language-server: $schema=") && outcome.output.contains("amd64 }\n"))
            #expect(outcome.errors.contains("left out: alternatives: editor: "), "\(outcome.errors)")
        }

        /// Files with a secret each, `%` being where it is: none of these values may leave the system.
        private static let secretFiles = [
            "/etc/shadow": "root:$y$j9T$%aaaaaaaaaaaaaaaaaaaa:1:0:99999:7:::\n",
            "/etc/keys/host": "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n%\n-----END OPENSSH " + "PRIVATE KEY-----\n",
            "/etc/ssl/private/site.key": "%", "/etc/NetworkManager/system-connections/home.nmconnection": "psk=%\n",
            "/etc/wpa_supplicant.conf": "network={\n  ssid=\"x\"\n  psk=\"%\"\n}\n",
            "/etc/apt/auth.conf.d/own.conf": "machine example.org login me password %\n",
            "/etc/app/netrc": "machine example.org login me password %\n",
            "/etc/apt/sources.list.d/own.list": "deb https://me:%@example.org/ stable main\n",
            "/etc/systemd/system/app.service": "[Service]\nEnvironment=APP_TOKEN=%\nExecStart=/bin/true\n",
            "/etc/systemd/system/ssh.service.d/x.conf": "[Service]\nEnvironment=\"DB_PASSWORD=%\"\n",
            "/etc/containers/systemd/app.container": "[Container]\nImage=example.org/a:1\nEnvironment=SECRET_KEY=%\n",
            "/etc/app/settings.json": "{ \"name\": \"x\", \"apiKey\": \"%\" }\n",
            "/etc/app/my.cnf": "[client]\npassword = %\n",
            "/etc/app/app.yaml": "db:\n  host: x\n  passphrase: '%'\n", "/etc/krb5.keytab": "%",
            "/etc/wireguard/wg0.conf": "[Interface]\nPrivateKey = %%%%aaaaaaaaaaa=\n",
            "/etc/credstore/db": "%", "/var/cache/debconf/passwords.dat": "Name: x/password\nValue: %\n",
            "/etc/app/url": "postgres://app:%@db/app\n", "/etc/default/app": "export AUTH_TOKEN=\"%\"\n",
        ]

        @Test func noSecretLeavesTheSystem() throws {
            let root = try smallRoot("secrets", status: Self.dpkg)
            var values: [String] = []
            for (index, (path, text)) in Self.secretFiles.sorted(by: { $0.key < $1.key }).enumerated() {
                values.append("S3cr\(100 + index)t")
                try makeDirectories(parentDirectory(of: root + path))
                try write(text.replacing("%", with: values[index]), to: root + path)
            }
            try write("kept=%\n", to: "\(root)/etc/app/plain")
            try makeDirectories("\(root)/var/lib/systemd")
            try write("keykeykeykeykeykey", to: "\(root)/var/lib/systemd/credential.secret")
            try write("etckeyetckeyetckey", to: "\(site.scratch)/hash.key")
            let keys = ["\(root)/var/lib/systemd/credential.secret", "\(site.scratch)/hash.key"]
            for key in keys { try run("chmod", "400", key) }
            let output = "\(site.scratch)/secrets.yaml"
            let options = ["--root", root, "--policy", "/var", "--policy", "/etc"]
            var said = ""
            for more in [[], ["--json"], ["--output", output], ["--offspring"], ["--hash-key", keys[1]]] {
                let outcome = try piscesCommand(["copy"] + options + more).outcome()
                #expect(outcome.status == .exited(0), outcome.text)
                said += outcome.output + outcome.errors
                #expect((outcome.output + outcome.errors).contains("etc-ssl-private-site.key"))
                #expect(outcome.output.contains("keyed-hash") == (more != ["--offspring"] && more.first != "--output"))
            }
            said += try run(
                "sh", "-c", "cat '\(output)'; cat $(find '\(site.scratch)/secrets.files' -type f) /dev/null")
            #expect(said.contains("/etc/app/plain"))
            for value in values + ["keykey"] { #expect(!said.contains(value), "\(value)") }
        }

        @Test func secretsTravelSealedForThoseWhoHoldTheKey() throws {
            let root = try smallRoot("sealed-secrets", status: Self.dpkg)
            try makeDirectories("\(root)/etc/app")
            try write("root:$y$j9T$S3cret:1:0:99999:7:::\n", to: "\(root)/etc/shadow")
            try write("root:x:0:0:root:/root:/bin/bash\n", to: "\(root)/etc/passwd")
            try write("password = hunter2-S3cret\n", to: "\(root)/etc/app/my.cnf")
            try run("chmod", "600", "\(root)/etc/app/my.cnf")
            try makeDirectories("\(root)/usr/local/lib")
            try write("password = hunter3-S3cret\n", to: "\(root)/usr/local/lib/my.cnf")
            let (key, sealed) = ("\(site.scratch)/age.key", "\(site.scratch)/secrets.age")
            try run("age-keygen", "-o", key)
            let line = { (text: String) in String(text.prefix { $0 != "\n" }) }
            let recipient = line(try run("age-keygen", "-y", key))
            let copy = [
                "copy", "--root", root, "--output", "\(site.scratch)/bare.yaml", "--no-lock", "--secrets", sealed,
            ]
            let outcome = try piscesCommand(copy + ["--recipient", recipient]).outcome()
            #expect(outcome.status == .exited(0), outcome.text)
            #expect(!(outcome.output + outcome.errors).contains("S3cret"))
            let bytes = try Descriptor.open(sealed).readToEnd()
            #expect(!String(decoding: bytes, as: UTF8.self).contains("S3cret"))
            let opened = "\(site.scratch)/opened"
            try run("sh", "-ec", "mkdir '\(opened)'; age -d -i '\(key)' '\(sealed)' | tar -xp -C '\(opened)'")
            let read = { (path: String) in try Descriptor.open("\(opened)/\(path)").readToEnd() }
            #expect(try read("credentials/etc-app-my.cnf") == Array("password = hunter2-S3cret\n".utf8))
            // What no machine can make at boot is brought by hand.
            #expect(try read("files/usr/local/lib/my.cnf") == Array("password = hunter3-S3cret\n".utf8))
            #expect(try read("credentials/root-password") == Array("$y$j9T$S3cret".utf8))
            #expect(line(try run("stat", "-c", "%a", "\(opened)/credentials/etc-app-my.cnf")) == "600")
            // A key that is none seals nothing.
            let other = "\(site.scratch)/other.age"
            let refused = try piscesCommand(copy.dropLast() + [other, "--recipient", "age1nobody"]).outcome()
            #expect(refused.status == .exited(1) && refused.errors.contains("age"), refused.text)
            #expect(throws: SystemError.self) { _ = try Descriptor.open(other) }
        }

        @Test func aChangedSecretIsDrift() throws {
            let root = try smallRoot("changed-secret", status: Self.dpkg)
            try write("root:$y$j9T$S3cret:1:0:99999:7:::\n", to: "\(root)/etc/shadow")
            try write("root:x:0:0:root:/root:/bin/bash\n", to: "\(root)/etc/passwd")
            try write("root:x:0:\n", to: "\(root)/etc/group")
            try write("password = hunter2-S3cret\n", to: "\(root)/etc/my.cnf")
            let (key, other) = ("\(site.scratch)/drift.key", "\(site.scratch)/drift-other.key")
            for (path, text) in [(key, "0123456789abcdef"), (other, "fedcba9876543210"), (key + "s", "short")] {
                try write(text, to: path)
                try run("chmod", "600", path)
            }
            let yaml = "\(site.scratch)/drift.yaml"
            let copied = try piscesCommand(
                ["copy", "--root", root, "--output", yaml, "--no-lock", "--hash-key", key]
            ).outcome()
            #expect(copied.status == .exited(0), copied.text)
            let drift = { (key: String?) in
                try piscesCommand(
                    ["diff", "--running", yaml, "--root", root, "--quiet"] + (key.map { ["--hash-key", $0] } ?? [])
                ).outcome()
            }
            for key in [key, nil] { #expect(try drift(key).output == "") }
            // Nor is a key that nobody named taken for the blueprint's.
            try makeDirectories("\(root)/var/lib/systemd")
            try run("cp", "-p", other, "\(root)/var/lib/systemd/credential.secret")
            #expect(try drift(nil).output == "")
            let forAll = try piscesCommand(["copy", "--root", root, "--public"]).outcome()
            #expect(forAll.status == .exited(0) && forAll.output.contains("secret: etc-my.cnf"), forAll.text)
            #expect(!forAll.output.contains("keyed-hash"))
            // By another key all is another.
            #expect(try drift(other).output.split(separator: "\n").count == 2)
            try write("password = hunter3-S3cret\n", to: "\(root)/etc/my.cnf")
            let changed = try drift(key)
            #expect(
                changed.status == .exited(1) && changed.output.hasPrefix("~ files./etc/my.cnf.keyed-hash: ")
                    && changed.output.contains("(the secret changed")
                    && changed.output.split(separator: "\n").count == 1,
                changed.text)
            try write("root:$y$j9T$S4cret:1:0:99999:7:::\n", to: "\(root)/etc/shadow")
            #expect(try drift(key).output.contains("~ users.root.password.keyed-hash: "))
            // Nobody can tell without a key.
            #expect(try drift(nil).output == "")
            let refused = try drift(key + "s")
            #expect(refused.status == .exited(1) && refused.errors.contains("to mend it: make one"), refused.text)
        }

        @Test func aPublicCopyIsRefusedWhereSomethingMayBeASecret() throws {
            let root = try smallRoot("public", status: Self.dpkg)
            try write("id 8f14e45fceea167a5a36dedd4bea2543\n", to: "\(root)/etc/app")
            let output = "\(site.scratch)/public.yaml"
            let copy = ["copy", "--root", root, "--output", output, "--no-lock", "--public"]
            let refused = try piscesCommand(copy).outcome()
            #expect(refused.status == .exited(1) && refused.errors.contains("/etc/app:1: a long word"), refused.text)
            #expect(!refused.errors.contains("8f14e45f"))
            #expect(throws: SystemError.self) { _ = try Descriptor.open(output) }
            let vetted = try piscesCommand(copy + ["--vetted", "/etc/app"]).outcome()
            #expect(vetted.status == .exited(0), vetted.text)
            #expect(try String(decoding: Descriptor.open(output).readToEnd(), as: UTF8.self).contains("8f14e45f"))
        }

        private static let dpkg =
            "Package: dpkg\nStatus: install ok installed\nEssential: yes\nArchitecture: amd64\nVersion: 1\n"

        private func smallRoot(_ name: String, status: String) throws -> String {
            let root = "\(site.scratch)/\(name)"
            for folder in ["etc", "var/lib/dpkg"] { try makeDirectories("\(root)/\(folder)") }
            try write("ID=debian\nVERSION_CODENAME=trixie\n", to: "\(root)/etc/os-release")
            try write(status, to: "\(root)/var/lib/dpkg/status")
            return root
        }

        @Test(arguments: [
            ("Package: dpkg\nStatus: install ok installed\n\nbroken\n", ["/var/lib/dpkg/status:4: ", "to mend it: "]),
            ("", ["the package dpkg is not installed", "to mend it: "]),
        ])
        func aBrokenSystemIsAnErrorAndNothingIsWritten(_ status: String, _ said: [String]) throws {
            let root = try smallRoot("broken", status: status)
            let output = "\(site.scratch)/broken.yaml"
            let outcome = try piscesCommand(["copy", "--root", root, "--output", output]).outcome()
            #expect(outcome.status == .exited(1) && outcome.output.isEmpty)
            for words in said { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
            #expect(throws: SystemError.self) { _ = try Descriptor.open(output) }
        }

        @Test(arguments: ["/nowhere", "/proc", "/etc/passwd"])
        func aRootThatIsNoneIsAnError(_ root: String) throws {
            let outcome = try piscesCommand(["copy", "--root", root]).outcome()
            #expect(outcome.status == .exited(1) && outcome.output.isEmpty)
            #expect(outcome.errors.contains(root) && outcome.errors.contains("to mend it: "), "\(outcome.errors)")
        }
    }
}
