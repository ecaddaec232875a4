import BlueprintModel
import Debian
import PiscesTesting
import Testing

@testable import Copier

@Suite struct PackagesTests {
    /// Packages by name, each with the fields of its paragraph; those named in `automatic` are marked so.
    private func installed(
        _ packages: [String: String], automatic: Set<String> = [], updates: [(name: String, bytes: [UInt8])] = []
    ) throws -> InstalledPackages {
        let status = (["dpkg": "Essential: yes\n"].merging(packages) { $1 }).map { Tree.package($0.key, $0.value) }
        let marks = automatic.map { "Package: \($0)\nArchitecture: amd64\nAuto-Installed: 1\n" }
        return try InstalledPackages(
            status: Array(status.joined().utf8), updates: updates,
            extendedStates: Array(marks.joined(separator: "\n").utf8), directory: "/d")
    }

    private func wish(_ packages: [String: String], automatic: Set<String> = []) throws -> PackageWish {
        try PackageWish(try installed(packages, automatic: automatic))
    }

    @Test func whatSomebodyAskedForIsWritten() throws {
        let wish = try wish(
            ["nginx": "Depends: libc6, dpkg\n", "libc6": "", "vim": ""], automatic: ["libc6", "dpkg"])
        #expect(wish.packages.install == ["nginx", "vim"])
        #expect(wish.packages.without.isEmpty && !wish.packages.recommends && wish.orphans.isEmpty)
    }

    @Test func aBaseThatABootstrapPutThereIsNobodysWish() throws {
        // No mark is there: the base, what it needs, and libraries that others need.
        let wish = try wish([
            "dpkg": "Essential: yes\nDepends: libbase\n", "libbase": "Section: libs\n",
            "apt": "Priority: important\nDepends: libapt\n",
            "libapt": "Section: libs\n", "libown": "Section: libs\n", "login": "Priority: required\n",
            "vim": "Depends: vim-common\n", "vim-common": "", "apt-utils": "Priority: required\n",
        ])
        #expect(wish.packages.install == ["apt", "apt-utils", "libown", "login", "vim", "vim-common"])
    }

    @Test func aFewMarksAreNotEverybodysWord() throws {
        let essential = ["aa", "bb", "cc"].map { ($0, "Essential: yes\n") }
        let packages = Dictionary(uniqueKeysWithValues: essential + [("web", "")])
        // Whoever asks for bash by name has it in the list; a bootstrap by apt marks some of what it puts there.
        #expect(try wish(packages, automatic: ["bb", "cc", "dpkg"]).packages.install == ["aa", "web"])
        #expect(try wish(packages, automatic: ["cc"]).packages.install == ["web"])
    }

    @Test func recommendedPackagesAreAskedForInFewestWords() throws {
        let packages = ["web": "Recommends: aa, bb | cc, dd\n", "aa": "", "bb": "", "dd": ""]
        let all = try wish(packages, automatic: ["aa", "bb", "dd", "dpkg"])
        #expect(all.packages.install == ["web"] && all.packages.recommends && all.packages.without.isEmpty)
        var some = packages
        some["aa"] = nil
        let most = try wish(some, automatic: ["bb", "dd", "dpkg"])
        #expect(most.packages.install == ["web"] && most.packages.recommends && most.packages.without == ["aa"])
        some["dd"] = nil
        let few = try wish(some, automatic: ["bb", "dpkg"])
        #expect(few.packages.install == ["bb", "web"] && !few.packages.recommends && few.packages.without.isEmpty)
    }

    @Test func whatAnotherFulfilsAnywayHasToBeAskedFor() throws {
        let packages = ["web": "Depends: aa | bb\n", "aa": "", "bb": "", "cc": ""]
        let wish = try wish(packages, automatic: ["aa", "cc", "dpkg"])
        #expect(wish.packages.install == ["aa", "bb", "web"] && wish.orphans == ["cc"])
    }

    @Test func whatAptWouldTakeInsteadIsRefused() throws {
        let packages = ["web": "Depends: first | second, virtual\n", "second": "", "real": "Provides: virtual\n"]
        #expect(try wish(packages, automatic: ["second", "real", "dpkg"]).packages.without == ["first"])
        // Who asked for the second gets it without more words.
        #expect(try wish(packages, automatic: ["real", "dpkg"]).packages.without.isEmpty)
    }

    /// Whatever is installed and marked: the wish brings exactly that, but for what nothing leads to.
    @Test func theWishBringsWhatIsInstalled() throws {
        var random = SeededGenerator(state: 11)
        for _ in 0..<300 {
            let names = (0..<Int.random(in: 1...14, using: &random)).map { "package-\($0)" }
            var packages: [String: String] = [:]
            for name in names {
                let pick = { (random: inout SeededGenerator) in
                    names.filter { _ in random.chance(15) }.map { random.chance(30) ? "\($0) | \(names[0])" : $0 }
                        .joined(separator: ", ")
                }
                packages[name] =
                    "Depends: \(pick(&random))\nRecommends: \(pick(&random))\nSection: \(random.pick(["libs", "web"]))\n"
                    + "Priority: \(random.pick(["optional", "required", "important"]))\n"
            }
            let automatic = Set(names.filter { _ in random.chance(60) } + (random.chance(50) ? ["dpkg"] : []))
            let installed = try installed(packages, automatic: automatic)
            let wish = try PackageWish(installed)
            let controls = installed.packages.map(\.control)
            let fields = ["Depends"] + (wish.packages.recommends ? ["Recommends"] : [])
            let choices = try DpkgDatabase.choices(of: controls, in: fields)
            var reached = Set(
                installed.packages.indices.filter {
                    installed.packages[$0].isBase || wish.packages.install.contains(installed.packages[$0].name)
                })
            // As apt does it: a group that something fulfils brings nothing, whichever comes first.
            while let next = choices.indices.lazy.filter(reached.contains).flatMap({ choices[$0] }).first(where: {
                $0.chosen != nil && reached.isDisjoint(with: $0.fulfilling)
            })?.chosen {
                reached.insert(next)
            }
            let brought = Set(reached.map { installed.packages[$0].name })
            #expect(brought.union(wish.orphans) == Set(installed.packages.map(\.name)))
            #expect(brought.isDisjoint(with: wish.orphans))
        }
    }

    @Test func theJournalGoesBeforeTheStatus() throws {
        let update = { (name: String, text: String) in (name: name, bytes: Array(text.utf8)) }
        let packages = try installed(
            ["aa": "", "bb": ""],
            updates: [
                update("0000", Tree.package("aa", status: "deinstall ok config-files")),
                update("0001", Tree.package("cc")),
            ])
        #expect(packages.packages.map(\.name) == ["bb", "cc", "dpkg"])
    }

    @Test func whatIsNotWhollyInstalledIsTold() throws {
        let status =
            Tree.dpkg + Tree.package("held", status: "hold ok installed")
            + Tree.package("half", status: "install reinstreq half-installed")
            + Tree.package("gone", status: "deinstall ok config-files")
            + Tree.package("open", status: "install ok unpacked")
            + "Package: other\nStatus: install ok installed\nArchitecture: i386\nVersion: 1\n"
        let copy = try Tree.debian(status).copy()
        #expect(copy.blueprint.packages.install == ["held", "open"])
        #expect(copy.report.omissions.map(\.subject) == ["half", "open", "other:i386"])
        #expect(copy.blueprint.packages.hold == ["held"])
    }

    @Test(arguments: [
        ("Package: aa\nnonsense\n", "/var/lib/dpkg/status:9: "), ("Package: aa\nStatus: install ok\n", "status:8: "),
        ("Status: install ok installed\n", "status:8: "), ("Package: aa\n \n", "status:9: "),
        (Tree.package("dpkg"), "status:8: the package dpkg:amd64 is there twice"),
        ("Package: aa\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nDepends: (broken\n", "Depends"),
    ])
    func aBrokenStatusIsAnErrorWithItsLine(_ text: String, _ wanted: String) throws {
        let said = message { try Tree.debian(Tree.dpkg + text).copy() }
        #expect(said.contains(wanted) && said.contains("to mend it: "), "\(said)")
    }

    @Test func brokenMarksAreAnErrorWithTheirLine() throws {
        let tree = try Tree.debian(Tree.dpkg, ["/var/lib/apt/extended_states": "Package: a\nAuto-Installed: 1\n???\n"])
        let said = message { try tree.copy() }
        #expect(said.contains("/var/lib/apt/extended_states:3: ") && said.contains("to mend it: "), "\(said)")
    }

    @Test func arbitraryBytesAreNoReasonToTrap() throws {
        var random = SeededGenerator(state: 3)
        let good = Array(
            (Tree.dpkg + Tree.package("aa", "Depends: b | c (>= 1), d:any\nConffiles:\n /etc/a 0123\n")).utf8)
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let packages = try? InstalledPackages(
                status: bytes, updates: [("1", good)], extendedStates: bytes, directory: "/d")
            _ = try? packages.map { try PackageWish($0) }
        }
    }
}
