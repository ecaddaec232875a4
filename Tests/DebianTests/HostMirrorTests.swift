import Testing

@testable import Debian

@Suite struct HostMirrorTests {
    @Test func othersRepositoriesDoNotCount() {
        let mirror = HostMirror.parse([
            "https://other.example/linux/|bookworm|Other|main|",
            "http://a.example/debian/|bookworm-backports|Debian|main|",
            "http://a.example/debian/|bookworm|Debian|contrib|",
            "http://b.example/debian/|bookworm|Debian|main|",
            "http://c.example/debian-security/|bookworm-security|Debian|main|",
            "",
        ])
        #expect(mirror?.mirror == "http://b.example/debian")
        #expect(mirror?.securityMirror == "http://c.example/debian-security")
    }

    @Test func hostThatHasNotFetchedItsListsHasNoOrigins() {
        let lines = ["http://a.example/d/|sid-x|$(ORIGIN)|main|", "http://a.example/s/|sid-x-security|$(ORIGIN)|main|"]
        #expect(HostMirror.parse(lines)?.securityMirror == "http://a.example/s")
    }

    /// apt tells of such archives only if it need not say whose they are.
    @Test func listsNeedNotBeThere() throws {
        let mirror = try HostMirror.discover { arguments, _, _ in
            let lines =
                "http://a.example/d/|trixie|$(ORIGIN)|main|\nhttp://a.example/s/|trixie-security|$(ORIGIN)|main|\n"
            return (0, arguments.contains("--no-release-info") ? Array(lines.utf8) : [], [])
        }
        #expect(mirror == HostMirror(mirror: "http://a.example/d", securityMirror: "http://a.example/s"))
    }

    @Test func hostWithoutDebianIsToldWhatToSet() {
        let error = #expect(throws: PlanError.self) {
            try HostMirror.discover { _, _, _ in (0, Array("http://u.example/ubuntu/|noble|Ubuntu|main|\n".utf8), []) }
        }
        #expect(error?.remedy.contains("distribution.mirror") == true)
    }
}
