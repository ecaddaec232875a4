import BlueprintModel
import Copier
import Debian
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct SystemCopyTests {
    @Test(arguments: [
        ("/var/lib/dpkg/status", "there is no /var/lib/dpkg/status"),
        ("/etc/os-release", "os-release says it is nothing"),
    ])
    func aRootThatIsNotDebianIsRefused(_ missing: String, _ said: String) throws {
        let tree = try Tree.debian()
        try run("rm", tree.path + missing)
        let text = message { try tree.copy() }
        #expect(text.contains(said) && text.contains("to mend it: "), "\(text)")
    }

    @Test(arguments: [
        ("ID=ubuntu\nPRETTY_NAME=\"Ubuntu 24.04\"\n", "Ubuntu 24.04"),
        ("ID=debian\nVERSION_ID=11\nVERSION_CODENAME=bullseye\n", "Debian bullseye is not supported"),
        ("ID=debian\n", "is not supported"), ("", "nothing"), ("\u{0}\n=\n==\nID\n", "nothing"),
    ])
    func anotherSystemIsRefused(_ release: String, _ said: String) throws {
        let text = message { try Tree.debian(Tree.dpkg, ["/etc/os-release": release]).copy() }
        #expect(text.contains(said) && text.contains("to mend it: "), "\(text)")
    }

    @Test func aRootOfAnotherArchitectureIsCopiedAsSuch() throws {
        let arm = Tree.dpkg.replacing("amd64", with: "arm64")
        #expect(try Tree.debian(arm).copy().blueprint.distribution == .init(debian: .trixie, architecture: .arm64))
        let text = message { try Tree.debian(Tree.dpkg.replacing("amd64", with: "riscv64")).copy() }
        #expect(text.contains("the architecture riscv64 is not supported"))
    }

    @Test func theSmallestSystemIsAllDefaults() throws {
        let copy = try Tree.debian().copy()
        #expect(copy.blueprint == Blueprint(name: "node"))
        #expect(copy.report.omissions.isEmpty)
    }

    @Test func anEmbeddedBlueprintIsNeverRead() throws {
        let folder = "/usr/lib/pisces/system"
        let tree = try Tree.debian(Tree.dpkg, ["\(folder)/blueprint.json": "{}", "\(folder)/blueprint.yaml": "?"])
        #expect(try tree.copy().blueprint == Blueprint(name: "node"))
    }

    @Test func anOffspringHasANameOfItsOwn() throws {
        let network = "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.5/24\n"
        let tree = try Tree.debian(
            Tree.dpkg, ["/etc/systemd/network/a.network": network, "/etc/hostname": "Node.example\n", networkd: ""])
        let same = try tree.copy()
        #expect(same.blueprint.name == "node" && same.blueprint.network.hostname == "Node.example")
        let offspring = try tree.copy { $0.identity = .offspring }
        #expect(offspring.blueprint.name == "node-offspring" && offspring.blueprint.network.hostname == nil)
        #expect(offspring.report.omissions.map(\.subject) == ["hostname", "eth0"])
        #expect(try tree.copy { $0.name = "spare" }.blueprint.name == "spare")
    }

    @Test func filesAreAskedForWithWhatTheKindsExplain() throws {
        let tree = try Tree.debian(Tree.dpkg, ["/etc/locale.conf": "LANG=de_DE.UTF-8\n", "/etc/motd": "hi\n"])
        let copy = try tree.copy { copier in
            copier.files = { root, blueprint, report in
                report.explained.contains("/etc/locale.conf") && blueprint.locale.lang == "de_DE.UTF-8"
                    ? ["/etc/motd": .init(.regular(try root.read("/etc/motd") ?? []))] : [:]
            }
        }
        #expect(copy.blueprint.files.keys.sorted() == ["/etc/motd"])
    }

    /// Secrets where systems have them.
    @Test func noSecretGetsIntoBlueprintOrReport() throws {
        let hash = "$6$saltsalt$" + String(repeating: "h", count: 86)
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LXNlY3JldA\n"
        let token = "ghp_" + String(repeating: "t", count: 36)
        let tree = try Tree.debian(
            Tree.dpkg,
            [
                "/etc/passwd":
                    "root:x:0:0::/root:/bin/bash\nbob:x:1000:1000:\(token):/home/bob:/bin/bash\n"
                    + "eve:\(hash):1001:1001::/home/eve:/bin/sh\n",
                "/etc/group": "bob:\(hash):1000:\neve:x:1001:\n",
                "/etc/shadow": "root:\(hash):1::::::\nbob:\(hash):1::::::\n",
                "/home/bob/.ssh/authorized_keys": "command=\"curl -H \(token)\" ssh-ed25519 AAAA\n\(key)",
                "/etc/systemd/system/a.service": "[Service]\nEnvironment=TOKEN=\(token)\n",
                "/etc/systemd/system/b.service.d/a.conf": "[Service]\n# \(key)",
                networkd: "", "/etc/systemd/network/w.network": "[Match]\nName=\(token)\n",
                "/etc/apt/sources.list": "deb http://user:hunter2-password@example.org/debian trixie main\n",
                "/etc/apt/sources.list.d/x.sources":
                    "Types: deb\nURIs: https://user:hunter2-password@example.org/\nSuites: x\n"
                    + "Components: main\nSigned-By: /k.gpg\n",
                "/etc/apt/sources.list.d/y.sources":
                    "Types: deb\nURIs: https://example.org/\nSuites: x\nComponents: main\nSigned-By: /k.asc\n",
                "/k.gpg": "key", "/k.asc": key, "/etc/kernel/cmdline": "quiet token=\(token) \(token)\n",
                "/etc/sysctl.d/a.conf": "kernel.core_pattern = \(token)\n", "/etc/locale.conf": "LANG=\(token)\n",
                "/etc/containers/systemd/a.container": "[Container]\nEnvironment=\(token)\n",
                "/etc/hostname": "\(token)\n",
            ])
        let copy = try tree.copy()
        let all = copy.blueprint.yaml + copy.report.omissions.map(\.description).joined(separator: "\n")
        for secret in [hash, "c2VjcmV0", token, "hunter2"] { #expect(!all.contains(secret), "\(all)") }
        #expect(try Blueprint.load("x") { _ in Array(copy.blueprint.yaml.utf8) }.blueprint == copy.blueprint)
        #expect(copy.blueprint.users["bob"]?.password == .init(name: "bob-password"))
        #expect(copy.blueprint.users["root"]?.password == .init(name: "root-password"))
        #expect(copy.report.omissions.count > 10)
    }

    @Test func whatHasNoPlaceIsTold() throws {
        let tree = try Tree.debian(Tree.dpkg, ["/etc/apt/preferences.d/pin": "Package: *\n"])
        #expect(try tree.copy().report.omissions.map(\.subject) == ["/etc/apt/preferences.d/pin"])
    }
}
