import Testing

@testable import Debian

@Suite struct InstallationOrderTests {
    /// Packages from `NAME [preinst]: FIELD VALUE; …` lines.
    func steps(_ text: String) throws -> [(preinsts: [String], configured: [String])] {
        let packages = text.split(separator: "\n").map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let names = parts[0].split(separator: " ")
            let fields = parts[1].split(separator: ";").map { field in
                let words = field.split(separator: " ", maxSplits: 1)
                return Deb822.Field(String(words[0]), String(words[1]))
            }
            return InstallationOrder.Package(
                control: Deb822.Stanza([.init("Package", String(names[0]))] + fields), hasPreinst: names.count > 1)
        }
        let name = { (index: Int) in packages[index].control["Package"] ?? "" }
        return try InstallationOrder(packages).steps.map { ($0.preinsts.map(name), $0.configured.map(name)) }
    }

    @Test func essentialPackagesComeFirstWithAllTheyDependOn() throws {
        let steps = try steps(
            """
            nginx preinst: Depends libc6
            bash preinst: Essential yes;Depends base-files (>= 2.1), awk
            mawk: Provides awk
            base-files:
            libc6 preinst:
            apt: Depends gpgv | sqv
            sqv: Depends libc6
            """)
        #expect(steps.map(\.preinsts) == [["bash", "libc6"], ["nginx"]])
        #expect(steps.map(\.configured) == [["bash", "mawk", "base-files", "libc6", "apt", "sqv"], ["nginx"]])
    }

    @Test func scriptsWaitUntilWhatTheyPreDependOnIsConfigured() throws {
        let steps = try steps(
            """
            mariadb preinst: Pre-Depends adduser
            adduser preinst: Depends passwd
            passwd: Pre-Depends libpam
            libpam preinst: Pre-Depends debconf
            debconf:
            other preinst: Depends mariadb
            """)
        #expect(steps.map(\.preinsts) == [[], ["adduser", "other"], ["libpam"], ["mariadb"]])
        #expect(steps.map(\.configured) == [[], ["debconf"], ["adduser", "passwd", "libpam"], ["mariadb", "other"]])
    }

    /// Whatever the order, a script runs once, and a package is configured once, after its own script.
    @Test func everythingHappensOnce() throws {
        let steps = try steps(
            """
            a preinst: Pre-Depends b
            b preinst: Pre-Depends c
            c preinst: Depends d
            d preinst: Depends a
            e: Depends a;Essential yes
            """)
        #expect(steps.flatMap(\.preinsts).sorted() == ["a", "b", "c", "d"])
        #expect(steps.flatMap(\.configured).sorted() == ["a", "b", "c", "d", "e"])
    }

    @Test func aCircleOfPreDependsIsBroken() throws {
        let steps = try steps("a preinst: Pre-Depends b\nb preinst: Pre-Depends a")
        #expect(steps.flatMap(\.preinsts) == ["a", "b"])
        #expect(steps.flatMap(\.configured) == ["a", "b"])
    }

    @Test func whatIsNotInstalledIsNotWaitedFor() throws {
        let steps = try steps("a preinst: Pre-Depends gone | b:any\nb: Provides x (= 1)")
        #expect(steps.map(\.configured) == [[], ["b"], ["a"]])
    }

    @Test func malformedRelationsAreRefusedByPackage() {
        let error = #expect(throws: Deb822.SyntaxError.self) { _ = try steps("a preinst: Pre-Depends b (") }
        #expect(error?.file == "a")
    }
}
