import Debian
import LinuxSystem
import Testing

@Suite struct DependenciesTests {
    private func controls(_ text: String) throws -> [Deb822.Stanza] {
        try Deb822.parse(Array(text.utf8), file: "status")
    }

    /// Of each package, the names of those it needs.
    private func needs(_ text: String) throws -> [String: [String]] {
        let controls = try controls(text)
        let names = controls.map { $0["Package"] ?? "" }
        let lists = try DpkgDatabase.dependencies(of: controls).map { $0.map { names[$0] } }
        return Dictionary(zip(names, lists)) { $1 }
    }

    @Test func firstInstalledAlternativeCountsAndItsVersionMustFit() throws {
        let needs = try needs(
            """
            Package: a
            Version: 1
            Pre-Depends: libc6 (>= 2.36)
            Depends: absent | b (>= 2) | c, d:any, absent, d

            Package: b
            Version: 1

            Package: c
            Version: 1:0
            Depends: a | b, c

            Package: d
            Version: 1

            Package: libc6
            Version: 2.41-12
            Recommends: a
            """)
        #expect(needs == ["a": ["c", "d", "libc6"], "b": [], "c": ["a"], "d": [], "libc6": []])
    }

    @Test func providerStandsInForAPackageThatIsNotThere() throws {
        let needs = try needs(
            """
            Package: kernel
            Version: 6.12
            Depends: initramfs-tools (>= 0.120) | linux-initramfs-tool, kmod

            Package: kmod
            Version: 34

            Package: other
            Version: 1
            Provides: kmod (= 34), linux-initramfs-tool

            Package: pisces
            Version: 0.1.0
            Provides: linux-initramfs-tool
            """)
        #expect(needs["kernel"] == ["kmod", "other"])
    }

    @Test func malformedFieldIsRefused() {
        for field in ["Depends: a,,b", "Pre-Depends: a (", "Provides: |"] {
            #expect(throws: Deb822.SyntaxError.self) { try needs("Package: a\nVersion: 1\n\(field)\n") }
        }
    }

    @Test func sourceIsTheNamedOneElseThePackageItself() throws {
        let table = [
            ("", "libc6", "2.41-12+b1"), ("Source: glibc\n", "glibc", "2.41-12+b1"),
            ("Source: glibc (2.41-12)\n", "glibc", "2.41-12"),
        ]
        for (field, name, version) in table {
            let control = try #require(try controls("Package: libc6\nVersion: 2.41-12+b1\n\(field)").first)
            #expect(DpkgDatabase.source(of: control) == (name, version))
        }
    }

    /// On a sound system every group of every package is fulfilled, so no package that depends on others stands alone.
    @Test func everyPackageOfThisSystemFindsWhatItNeeds() throws {
        let status = try Deb822.parse(try Descriptor.open("/var/lib/dpkg/status").readToEnd(), file: "status")
        let installed = status.filter { $0["Status"]?.hasSuffix(" ok installed") == true }
        let needs = try DpkgDatabase.dependencies(of: installed)
        for (control, needed) in zip(installed, needs) where control["Depends"] != nil {
            #expect(!needed.isEmpty, "\(control["Package"] ?? "")")
        }
        #expect(installed.count > 100)
    }
}
