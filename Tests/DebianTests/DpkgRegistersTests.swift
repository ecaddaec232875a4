import Debian
import Testing

@Suite struct DpkgRegistersTests {
    private func stanza(_ name: String, _ status: String = "install ok installed", _ more: String = "") -> [UInt8] {
        Array("Package: \(name)\nStatus: \(status)\nArchitecture: all\nVersion: 1\n\(more)\n".utf8)
    }

    @Test func theJournalComesAfterTheStatus() throws {
        let packages = try DpkgDatabase.packages(
            status: stanza("a") + stanza("b") + stanza("gone", "purge ok not-installed"), file: "status",
            journal: [
                ("0000", stanza("b", "install reinstreq half-installed")), ("0001", stanza("c")),
                ("0002", stanza("a", "deinstall ok config-files")),
            ])
        #expect(packages.map(\.name) == ["a", "b", "c"])
        #expect(packages.map(\.state) == ["config-files", "half-installed", "installed"])
        #expect(packages.map(\.isSettled) == [true, false, true])
    }

    @Test func conffilesHaveTheirFlags() throws {
        let sum = String(repeating: "0", count: 31) + "a"
        let field = """
            Conffiles:
             /etc/a \(sum)
             /etc/with space \(sum) obsolete
             /etc/c newconffile remove-on-upgrade
             /etc/d \(sum) obsolete remove-on-upgrade
             /etc/obsolete nonexistent

            """
        let conffiles = try DpkgDatabase.packages(status: stanza("a", "install ok installed", field), file: "s")[0]
            .conffiles
        #expect(
            conffiles == [
                .init(path: "/etc/a", md5: sum), .init(path: "/etc/with space", md5: sum, isObsolete: true),
                .init(path: "/etc/c", isRemovedOnUpgrade: true),
                .init(path: "/etc/d", isRemovedOnUpgrade: true, md5: sum, isObsolete: true),
                .init(path: "/etc/obsolete"),
            ])
    }

    @Test(
        arguments: [
            ("Status: install ok installed\n", 1), ("Package: a\n", 1), ("Package: a\nStatus: installed\n", 2),
            ("Package: ../a\nStatus: install ok installed\n", 1), ("Package: a\nrubbish\n", 2),
            ("Package: a\nStatus: a b c\nConffiles:\n etc/a 1\n", 4),
            ("Package: a\nStatus: a b c\nArchitecture: x/y\n", 1),
        ])
    func aBrokenStatusIsAnErrorWithItsLine(_ text: String, _ line: Int) {
        let error = #expect(throws: Deb822.SyntaxError.self) {
            try DpkgDatabase.packages(status: Array(text.utf8), file: "status")
        }
        #expect(error?.line == line && error?.file == "status", "\(String(describing: error))")
    }

    @Test func bytesThatAreNotUTF8AreNoReasonToStop() throws {
        let status = Array(stanza("a").dropLast()) + Array("Maintainer: J".utf8) + [0xf6] + Array("rg\n".utf8)
        #expect(try DpkgDatabase.packages(status: status, file: "s")[0].control["Maintainer"] == "J\u{fffd}rg")
    }

    @Test func diversionsAreThreeLinesEach() throws {
        let diversions = try DpkgDatabase.diversions("/a\n/b\n:\n/bin/sh\n/bin/sh.distrib\ndash\n", file: "d")
        #expect(diversions == [.init("/a", "/b", nil), .init("/bin/sh", "/bin/sh.distrib", "dash")])
        for (text, line) in [("/a\n/b\n", 1), ("/a\n/b\n:\nx\n/y\n:\n", 4), ("\n", 1)] {
            let error = #expect(throws: Deb822.SyntaxError.self) { try DpkgDatabase.diversions(text, file: "d") }
            #expect(error?.line == line)
        }
    }

    @Test func overridesHaveOwnerAndMode() throws {
        let overrides = try DpkgDatabase.statOverrides("root #7 4755 /usr/bin/a b\n", file: "o")
        #expect(overrides.map(\.path) == ["/usr/bin/a b"] && overrides[0].mode == 0o4755 && overrides[0].group == "#7")
        for text in ["root root 4755\n", "root root 999 /a\n", "root root 77777 /a\n", "root root 755 a\n"] {
            #expect(throws: Deb822.SyntaxError.self) { try DpkgDatabase.statOverrides(text, file: "o") }
        }
    }

    @Test func alternativesHaveLinksAndChoices() throws {
        let text = "manual\n/usr/bin/editor\neditor.1\n/usr/share/man/e.1\n\n/bin/vi\n30\n\n/bin/ed\n-5\n/m/ed.1\n\n"
        let alternative = try DpkgDatabase.alternative(text, name: "editor", file: "a")
        #expect(!alternative.isAutomatic && alternative.links.map(\.name) == ["editor", "editor.1"])
        #expect(
            alternative.choices.map(\.priority) == [30, -5] && alternative.choices.map(\.others) == [[""], ["/m/ed.1"]])
        for cut in [
            "", "auto", "perhaps\n/a\n", "auto\na\n", "auto\n/a\nx/y\n/b\n", "auto\n/a\n\n/c\nten\n",
            "auto\n/a\n\n/c\n",
        ] {
            #expect(throws: Deb822.SyntaxError.self) { try DpkgDatabase.alternative(cut, name: "a", file: "a") }
        }
    }

    @Test func pathFiltersKeepTheirOrder() {
        let filters = DpkgDatabase.pathFilters(
            "# path-exclude=/no\npath-exclude=/usr/share/doc/*\n  path-include = \"/a b\"\nforce-x\n")
        #expect(filters.map(\.isExcluded) == [true, false])
        #expect(filters.map(\.pattern) == ["/usr/share/doc/*", "/a b"])
    }
}

extension DpkgDatabase.Diversion {
    fileprivate init(_ from: String, _ to: String, _ package: String?) {
        self.init(from: from, to: to, package: package)
    }
}
