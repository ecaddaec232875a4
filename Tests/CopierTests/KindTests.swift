import BlueprintModel
import Debian
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

/// Per kind: what the constructor makes of any description, the copier reads back equal.
@Suite final class KindTests {
    /// They last as long as what reads them.
    private var trees: [Tree] = []

    private func reading(_ tree: Tree) throws -> Reading {
        trees.append(tree)
        return Reading(root: try tree.root(), identity: .same, isRunning: false)
    }

    /// Values that a blueprint may hold, of some kind.
    private func some(_ count: Int, _ random: inout SeededGenerator, _ make: (inout SeededGenerator) -> String)
        -> [String]
    {
        (0..<Int.random(in: 0...count, using: &random)).map { _ in make(&random) }.unique
    }

    @Test func localeAndTimeComeBack() throws {
        var random = SeededGenerator(state: 1)
        for _ in 0..<40 {
            var (locale, zone) = (Blueprint.Locale(), "Etc/UTC")
            locale.lang = random.pick(["C.UTF-8", "de_DE.UTF-8", "POSIX", "ca_ES@valencia"])
            locale.keymap = random.pick([nil, "de", "us-intl", "de-latin1_x.y"])
            zone = random.pick(["Etc/UTC", "Etc/GMT+5", "America/Argentina/Ushuaia", "UTC"])
            let tree = try Tree(locale.registers)
            try tree.link("/etc/localtime", to: "/usr/share/zoneinfo/\(zone)")
            var (reading, read) = (try reading(tree), Blueprint(name: "x"))
            try reading.readLocale(into: &read)
            try reading.readTime(into: &read)
            #expect(read.locale == locale && read.time.zone == zone)
            #expect(reading.report.explained == Set(locale.registers.keys).union(["/etc/localtime"]))
        }
    }

    @Test func oddLocaleAndTimeAreTold() throws {
        let tree = try Tree([
            "/etc/default/locale": "# x\nLANG=\"en_US.UTF-8\"\nLC_TIME=C\n",
            "/etc/vconsole.conf": "KEYMAP=../x\nKEYMAP\n", "/etc/localtime": "TZif",
        ])
        var (reading, read) = (try reading(tree), Blueprint(name: "x"))
        try reading.readLocale(into: &read)
        try reading.readTime(into: &read)
        #expect(read.locale.lang == "en_US.UTF-8" && read.locale.keymap == nil && read.time.zone == "Etc/UTC")
        #expect(reading.report.omissions.map(\.subject) == ["/etc/vconsole.conf", "/etc/localtime"])
    }

    @Test func theKernelComesBack() throws {
        var random = SeededGenerator(state: 2)
        for _ in 0..<60 {
            var kernel = Blueprint.Kernel()
            kernel.modules = some(4, &random) { "mod_\(Int.random(in: 0...9, using: &$0))" }
            for name in some(4, &random, { "net.a/b.\(Int.random(in: 0...9, using: &$0))" }) {
                kernel.sysctl[name] = random.pick(["0", "1 2\t3", "|/usr/bin/core %p = #1", "a=b", "\"x\""])
            }
            // Tabs are no values of a blueprint.
            kernel.sysctl = kernel.sysctl.filter { TextForm.sysctlValue.allows($0.value) }
            var (reading, read) = (try reading(try Tree(kernel.registers)), Blueprint(name: "x"))
            try reading.readKernel(into: &read)
            #expect(read.kernel == kernel)
            #expect(reading.report.explained == Set(kernel.registers.keys) && reading.report.omissions.isEmpty)
        }
    }

    @Test func theKernelOfAnotherSystemIsRead() throws {
        let tree = try Tree([
            "/etc/default/grub":
                "GRUB_CMDLINE_LINUX=\"console=tty0 root=/dev/sda1\"\nGRUB_CMDLINE_LINUX_DEFAULT='quiet quiet'\n",
            "/etc/modules": "# old\nloop\ndummy numdummies=2\n", "/etc/initramfs-tools/modules": "nvme\n",
            "/etc/sysctl.d/10-a.conf": "; x\nvm.swappiness=10\n", "/etc/sysctl.conf": "vm.swappiness = 20\n",
            "/etc/sysctl.d/20-b.conf": "-net.ipv4.conf.*.rp_filter\n",
        ])
        try tree.link("/etc/modules-load.d/modules.conf", to: "../modules")
        try tree.link("/etc/sysctl.d/99-sysctl.conf", to: "../sysctl.conf")
        var (reading, read) = (try reading(tree), Blueprint(name: "x"))
        try reading.readKernel(into: &read)
        #expect(read.kernel.commandLine == ["console=tty0", "quiet"])
        #expect(read.kernel.modules == ["loop"] && read.kernel.initrdModules == ["nvme"])
        #expect(read.kernel.sysctl == ["vm.swappiness": "20"])
        #expect(
            reading.report.omissions.map(\.subject) == [
                "/etc/modules-load.d/modules.conf:3", "/etc/sysctl.d/20-b.conf:1",
            ])
        #expect(!reading.report.explained.contains("/etc/sysctl.d/20-b.conf"))
    }

    @Test func theNetworkComesBack() throws {
        var random = SeededGenerator(state: 3)
        for _ in 0..<80 {
            var network = Blueprint.Network()
            network.hostname = random.pick([nil, "node-7", "node.example.org", "9"])
            for name in some(3, &random, { $0.pick(["eth0", "en*", "wl[a-z]?", "a.1", "z_-"]) }) {
                var link = Blueprint.Link()
                link.dhcp = random.chance(50)
                link.addresses = some(2, &random) { "192.0.2.\(Int.random(in: 1...9, using: &$0))/24" }
                link.gateways = some(1, &random) { _ in "192.0.2.1" } + some(1, &random) { _ in "2001:db8::1" }
                link.dns = some(2, &random) { "192.0.2.\(Int.random(in: 1...9, using: &$0))" }
                network.links[name] = link
            }
            let registers = network.hostRegisters(name: "x").merging(network.linkRegisters) { $1 }
            var (reading, read) = (try reading(try Tree(registers.merging([networkd: ""]) { $1 })), Blueprint(name: ""))
            try reading.readNetwork(named: "x", into: &read)
            #expect(read.network == network && read.name == "x")
            #expect(reading.report.explained == Set(registers.keys) && reading.report.omissions.isEmpty)
        }
    }

    @Test(arguments: [
        "[Match]\nName=eth0\nMACAddress=a\n", "[Network]\nDHCP=yes\n", "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
        "[Match]\nName=eth0\n[Route]\nGateway=192.0.2.1\n", "[Match]\nName=a b\n", "nonsense",
        "[Match]\nName=a\nName=b\n",
        "[Match]\nName=a\n[Network]\nGateway=192.0.2.1\nGateway=192.0.2.2\n",
        "[Match]\nName=a\n[Network]\nDNS=1.1.1.1#x\n",
    ])
    func aLinkThatSaysMoreStaysAFile(_ text: String) throws {
        let tree = try Tree(["/etc/systemd/network/a.network": text, "/etc/hostname": "-\n"])
        var (reading, read) = (try reading(tree), Blueprint(name: ""))
        try reading.readNetwork(named: nil, into: &read)
        #expect(read.network == Blueprint.Network() && read.name == "copy")
        #expect(reading.report.omissions.count == 2 && reading.report.explained.isEmpty)
    }

    @Test func whatNetworkdDoesNotReadStaysAFile() throws {
        let text = "[Match]\nName=eth0\n[Network]\nDHCP=yes\n"
        let tree = try Tree(["/etc/systemd/network/a.network": text])
        let links = { () throws in
            var (reading, read) = (try self.reading(tree), Blueprint(name: ""))
            try reading.readNetwork(named: nil, into: &read)
            return (read.network.links.keys.sorted(), reading.report.explained)
        }
        let without = try links()
        #expect(without.0.isEmpty && without.1.isEmpty)
        try tree.link(networkd, to: "/usr/lib/systemd/system/systemd-networkd.service")
        let with = try links()
        #expect(with.0 == ["eth0"] && with.1 == ["/etc/systemd/network/a.network"])
    }

    @Test func linksWhoseOrderSaysSomethingStayFiles() throws {
        let file = { (name: String) in "[Match]\nName=\(name)\n[Network]\nDHCP=yes\n" }
        let tree = try Tree([
            "/etc/systemd/network/1.network": file("eth0"), "/etc/systemd/network/2.network": file("e*"), networkd: "",
        ])
        var (reading, read) = (try reading(tree), Blueprint(name: ""))
        try reading.readNetwork(named: nil, into: &read)
        #expect(read.network.links.isEmpty && reading.report.explained.isEmpty)
    }

    @Test func healthComesBack() throws {
        var health = Blueprint.Health()
        health.timeoutSeconds = 600
        health.required["web"] = .init(.command("test -e '/x y'\n"))
        health.wanted["unit"] = .init(.unit("a.service"))
        var (reading, read) = (try reading(try Tree(health.registers)), Blueprint(name: "x"))
        try reading.readHealth(into: &read)
        #expect(read.health == health && reading.report.explained == Set(health.registers.keys))
        var broken = try self.reading(try Tree(["/usr/lib/pisces/health.json": "{"]))
        try broken.readHealth(into: &read)
        #expect(broken.report.omissions.map(\.subject) == ["/usr/lib/pisces/health.json"])
    }

    @Test func containersComeBack() throws {
        var random = SeededGenerator(state: 4)
        let digest = String(repeating: "ab", count: 32)
        for _ in 0..<60 {
            let image = try #require(ImageReference("registry.example/a/b:1@sha256:\(digest)"))
            var containers: [String: Blueprint.Container] = [:]
            for name in some(3, &random, { "c\(Int.random(in: 0...9, using: &$0))" }) {
                var service = Blueprint.ContainerService(image: image)
                service.environment = ["A": random.pick(["", "x", "\"$%\\ '", "ü#;"])]
                service.publish = some(2, &random) { $0.pick(["80:80", "127.0.0.1:53:53/udp"]) }
                service.restart = random.pick(Blueprint.Restart.allCases)
                (service.autoStart, service.readOnly) = (random.chance(50), random.chance(50))
                containers[name] = .service(service)
            }
            if random.chance(50) { containers["back.network"] = .quadlet(text: Array("[Network]\n".utf8), images: []) }
            let text = "[Container]\nImage=\(image)\nExec=x\n"
            if random.chance(50) { containers["own.container"] = .quadlet(text: Array(text.utf8), images: [image]) }
            var files: [String: String] = [:]
            for (name, container) in containers {
                switch container {
                case .service(let service):
                    files["/etc/containers/systemd/\(name).container"] = service.quadlet(
                        name: name, image: "\(image.repository)@sha256:\(digest)")
                case .quadlet(let text, _):
                    files["/etc/containers/systemd/\(name)"] = String(decoding: text, as: UTF8.self)
                }
            }
            if !files.isEmpty { files["/etc/containers/storage.conf"] = Blueprint.containerStorage }
            var (reading, read) = (try reading(try Tree(files)), Blueprint(name: "x"))
            try reading.readContainers(into: &read)
            #expect(read.containers == containers)
            #expect(reading.report.explained == Set(files.keys) && reading.report.omissions.isEmpty)
        }
    }

    @Test func aQuadletWhoseImageMayMoveStaysAFile() throws {
        let tree = try Tree()
        try tree.write("[Container]\nImage=docker.io/library/nginx:latest\n", to: "/etc/containers/systemd/a.container")
        try tree.write([0xFF, 0], to: "/etc/containers/systemd/b.container")
        try tree.write("[Build]\n", to: "/etc/containers/systemd/c.build")
        var (reading, read) = (try reading(tree), Blueprint(name: "x"))
        try reading.readContainers(into: &read)
        #expect(read.containers.isEmpty && reading.report.explained.isEmpty)
        #expect(reading.report.omissions.map(\.subject.last) == ["r", "r", "d"])
    }
}
