import BlueprintModel
import Debian
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

@Suite struct RepositoriesTests {
    /// What a tree's sources are read as.
    private func read(
        _ files: [String: String], sections: [String] = [], mirror: HostMirror? = nil
    ) throws -> (Blueprint, CopyReport) {
        let status =
            Tree.dpkg + sections.map { Tree.package("p-\($0.replacing("/", with: "-"))", "Section: \($0)\n") }.joined()
        let copy = try Tree.debian(status, files).copy { $0.hostMirror = mirror }
        return (copy.blueprint, copy.report)
    }

    @Test func repositoriesComeBack() throws {
        var random = SeededGenerator(state: 9)
        for _ in 0..<60 {
            var repositories: [String: Blueprint.Repository] = [:]
            var files: [String: String] = [:]
            for name in ["one", "2", "third-one"] where random.chance(60) {
                let isExact = random.chance(30)
                let key = random.pick(["binary", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n"])
                let archive = Blueprint.Archive(
                    uri: random.pick(["https://apt.example/x/", "http://apt.example", "file:///srv/x"]),
                    suites: isExact
                        ? ["./", "x/"]
                        : Array(["trixie", "stable", "a-b"].prefix(Int.random(in: 1...3, using: &random))),
                    components: isExact ? [] : ["main", "extra"], signedBy: Array(key.utf8))
                repositories[name] = .archive(archive)
                let path = "/etc/apt/keyrings/\(name).\(key.hasPrefix("-") ? "asc" : "pgp")"
                files[path] = key
                files["/etc/apt/sources.list.d/\(name).sources"] = Deb822.write([
                    .init([
                        .init("Types", "deb"), .init("URIs", archive.uri),
                        .init("Suites", archive.suites.joined(separator: " ")),
                        .init("Components", archive.components.joined(separator: " ")), .init("Signed-By", path),
                    ])
                ])
            }
            let (blueprint, report) = try read(files)
            #expect(blueprint.repositories == repositories && report.omissions.isEmpty)
            #expect(report.explained.isSuperset(of: files.keys))
        }
    }

    private static let debian = """
        Types: deb deb-src
        URIs: http://mirror.example/debian
        Suites: trixie trixie-updates
        Components: main contrib non-free-firmware
        Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp

        Types: deb
        URIs: http://mirror.example/debian-security/
        Suites: trixie-security
        Components: main
        Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp

        """

    @Test func debiansOwnAreTheMirrors() throws {
        let file = "/etc/apt/sources.list.d/debian.sources"
        let (own, report) = try read([file: Self.debian])
        #expect(own.distribution.mirror == "http://mirror.example/debian")
        #expect(own.distribution.securityMirror == "http://mirror.example/debian-security")
        #expect(own.repositories.isEmpty && report.explained.contains(file))
        #expect(report.omissions.map(\.subject) == ["\(file):1 contrib", "\(file):1 non-free-firmware"])
        let host = HostMirror(mirror: "http://mirror.example/debian/", securityMirror: "http://other.example")
        let (same, _) = try read([file: Self.debian], mirror: host)
        #expect(same.distribution.mirror == nil && same.distribution.securityMirror != nil)
    }

    @Test func anotherComponentIsARepositoryWhereSomethingCameFromIt() throws {
        let ring = "/usr/share/keyrings/debian-archive-keyring.pgp"
        let (blueprint, report) = try read(
            ["/etc/apt/sources.list.d/debian.sources": Self.debian, ring: "keys"],
            sections: ["non-free-firmware/kernel", "web"])
        #expect(
            blueprint.repositories == [
                "debian-non-free-firmware": .archive(
                    .init(
                        uri: "http://mirror.example/debian", suites: ["trixie", "trixie-updates"],
                        components: ["non-free-firmware"], signedBy: Array("keys".utf8)))
            ])
        #expect(report.omissions.count == 1)
    }

    @Test func linesAreReadLikeParagraphs() throws {
        let (blueprint, report) = try read([
            "/etc/apt/sources.list": """
            # comment
            deb http://mirror.example/debian trixie main
            deb-src http://mirror.example/debian trixie main
            deb http://mirror.example/debian-security trixie-security main # more

            """,
            "/etc/apt/sources.list.d/Docker CE.list":
                "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://apt.example/linux trixie stable\n"
                + "deb [ signed-by=/etc/apt/keyrings/docker.asc ] https://apt.example/linux trixie-x stable\ndeb nothing\n",
            "/etc/apt/keyrings/docker.asc": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
            "/etc/apt/sources.list.d/flat.list": "deb file:/srv/flat ./\ndeb cdrom:[Debian] trixie main\n",
            "/etc/apt/sources.list.d/flat2.list": "deb file:///srv/flat ./\n",
            "/etc/apt/trusted.gpg.d/a.gpg": "A", "/etc/apt/trusted.gpg.d/b.gpg": "B",
        ])
        #expect(blueprint.distribution.mirror == "http://mirror.example/debian")
        #expect(blueprint.distribution.securityMirror == "http://mirror.example/debian-security")
        let key = Array("-----BEGIN PGP PUBLIC KEY BLOCK-----\n".utf8)
        #expect(
            blueprint.repositories == [
                "docker-ce": .archive(
                    .init(
                        uri: "https://apt.example/linux", suites: ["trixie", "trixie-x"], components: ["stable"],
                        signedBy: key)),
                "flat2": .archive(
                    .init(uri: "file:///srv/flat", suites: ["./"], components: [], signedBy: Array("AB".utf8))),
            ])
        #expect(
            report.omissions.map(\.subject) == [
                "/etc/apt/sources.list.d/Docker CE.list:3", "/etc/apt/sources.list.d/flat.list:1",
                "/etc/apt/sources.list.d/flat.list:2",
            ])
    }

    @Test func keysAreFoundWhereverTheyStand() throws {
        let stanza = { (signed: String) in "Types: deb\nURIs: https://apt.example\nSuites: x\nComponents: y\n\(signed)"
        }
        let file = "/etc/apt/sources.list.d/x.sources"
        func keys(_ signed: String, _ files: [String: String] = [:]) throws -> String? {
            let (blueprint, report) = try read(files.merging([file: stanza(signed)]) { $1 })
            guard case .archive(let archive)? = blueprint.repositories["x"] else {
                #expect(!report.omissions.isEmpty)
                return nil
            }
            return String(decoding: archive.signedBy, as: UTF8.self)
        }
        #expect(
            try keys(
                "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n")
                == "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n")
        #expect(try keys("Signed-By: /a.gpg,/b.gpg\n", ["/a.gpg": "A", "/b.gpg": "B"]) == "AB")
        #expect(try keys("Signed-By: /a.gpg\n") == nil)
        #expect(try keys("") == nil)
        #expect(try keys("", ["/etc/apt/trusted.gpg": "T"]) == "T")
        #expect(try keys("", ["/etc/apt/trusted.gpg": "T", "/etc/apt/trusted.gpg.d/a.asc": "-----BEGIN"]) == nil)
    }

    @Test func brokenSourcesAreTold() throws {
        let tree = try Tree.debian()
        try tree.write("Types: deb\nTypes: deb\n", to: "/etc/apt/sources.list.d/a.sources")
        try tree.write("Types: deb\n\nnonsense", to: "/etc/apt/sources.list.d/b.sources")
        try tree.write([0xFF, 0x0A] + Array("rpm x y\n".utf8), to: "/etc/apt/sources.list")
        try tree.write("Types: deb\nEnabled: no\n", to: "/etc/apt/sources.list.d/c.sources")
        let copy = try tree.copy()
        #expect(copy.blueprint.repositories.isEmpty)
        #expect(
            copy.report.omissions.map(\.subject) == [
                "/etc/apt/sources.list.d/a.sources:2", "/etc/apt/sources.list.d/b.sources:3", "/etc/apt/sources.list:1",
                "/etc/apt/sources.list:2",
            ])
    }
}
