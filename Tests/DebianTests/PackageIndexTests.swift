import LinuxSystem
import Testing

@testable import Debian

@Suite struct PackageIndexTests {
    private let list = """
        Package: bash
        Version: 1

        Version: 2
        pAcKaGe:\u{20} tar\u{20}
        Description: first
         Package: not-this

        Priority: optional
        Package-Type: deb
        Package: bash
        Version: 3
        """

    @Test func findsParagraphsByNameWithTheirLines() throws {
        let index = PackageIndex(Array(list.utf8), file: "Packages")
        #expect(index.names() == ["bash", "tar"])
        let bash = try index.stanzas(named: ["bash"])
        #expect(bash.map { $0["Version"] } == ["1", "3"])
        #expect(bash.map(\.line) == [1, 9])
        #expect(try index.stanzas(named: ["tar"]).first?["Version"] == "2")
        #expect(try index.stanzas(named: ["ba", "Package"]) == [])
        #expect(PackageIndex([], file: "Packages").names() == [])
    }

    @Test func damageInAWantedParagraphIsNamed() throws {
        let index = PackageIndex(Array("\n\nPackage: a\nPackage: a\n".utf8), file: "Packages")
        let error = #expect(throws: Deb822.SyntaxError.self) { try index.stanzas(named: ["a"]) }
        #expect(error?.line == 4)
    }

    @Test func releaseFileInsideASignature() throws {
        let digest = SHA256.hash([])
        let text = """
            Origin: Debian
            Date: Sat, 15 Nov 2025 08:06:40 UTC
            SHA256:
             \(digest) 0 main/binary-amd64/Packages
             broken line
             \(digest) 20 main/binary-amd64/Packages.gz

            """
        let plain = try ReleaseFile(parsing: Array(text.utf8), file: "Release")
        #expect(plain.date == 1_763_194_000)
        #expect(plain.files.count == 2)
        #expect(plain.files["main/binary-amd64/Packages.gz"]?.size == 20)
        let signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n\(text)-----BEGIN PGP SIGNATURE-----\n\nx\n"
        let inside = try ReleaseFile(parsing: Array(signed.utf8), file: "InRelease")
        #expect(inside.date == plain.date)
        #expect(inside.files.keys == plain.files.keys)
        #expect(inside.digest == SHA256.hash(Array(signed.utf8)))
        #expect(throws: Deb822.SyntaxError.self) {
            try ReleaseFile(parsing: Array("Date: now\n".utf8), file: "Release")
        }
        #expect(throws: Deb822.SyntaxError.self) { try ReleaseFile(parsing: [], file: "Release") }
    }

    @Test func nearNamesAreNearestFirst() {
        let names: Set = ["hostname", "hostnames", "hosts", "bash", "dash", "a"]
        #expect(nearNames(to: "hostnme", in: names) == ["hostname", "hostnames"])
        #expect(nearNames(to: "bsh", in: names) == ["bash"])
        #expect(nearNames(to: "entirely-different", in: names) == [])
    }
}
