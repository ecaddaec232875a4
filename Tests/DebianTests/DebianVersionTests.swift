import Debian
import Glibc
import PiscesTesting
import Testing

@Suite struct DebianVersionTests {
    @Test(arguments: [
        ("1.0", "1.00", DebianVersion.Order.same), ("0:1", "1", .same), ("1", "1-0", .same), ("1~rc1", "1", .earlier),
        ("1~~", "1~", .earlier), ("1a", "1+", .earlier), ("1:0", "9", .later), ("1.10", "1.9", .later),
        ("1-1.1", "1-1", .later), ("1-2-3", "1-2-1", .later), ("2147483647:1", "1", .later),
        ("1.99999999999999999999999", "1.100000000000000000000000", .earlier), ("1+b1", "1", .later),
    ])
    func orderOfTwoVersions(left: String, right: String, order: DebianVersion.Order) throws {
        let (a, b) = (try #require(DebianVersion(left)), try #require(DebianVersion(right)))
        #expect(a.order(against: b) == order)
        let mirrored: DebianVersion.Order = order == .same ? .same : order == .earlier ? .later : .earlier
        #expect(b.order(against: a) == mirrored)
    }

    @Test(arguments: ["", "-1", "1-", ":1", "a:1", "+1:1", "2147483648:1", "1 2", "1_2", "1-2:3", "abc", "1\n", "1é"])
    func refusesWhatIsNoVersion(text: String) { #expect(DebianVersion(text) == nil) }

    @Test func partsOfAVersion() throws {
        let version = try #require(DebianVersion("2:1.0-rc-1+b2"))
        #expect(version.epoch == 2)
        #expect(version.upstream == "1.0-rc")
        #expect(version.revision == "1+b2")
        #expect(version.description == "2:1.0-rc-1+b2")
    }

    @Test func agreesWithDpkg() throws {
        var generator = SystemRandomNumberGenerator()
        let pieces = ["0", "1", "2", "10", "01", "9", "a", "b", "Z", "~", "~~", "+", ".", "rc", "deb"]
        func version() -> String {
            func part(_ most: Int) -> String {
                (0..<Int.random(in: 0...most, using: &generator)).map { _ in pieces.randomElement() ?? "" }.joined()
            }
            let epoch = Bool.random() ? "" : "\(Int.random(in: 0...2)):"
            let revision = Bool.random() ? "" : "-0" + part(3)
            return "\(epoch)\(Int.random(in: 0...2))\(part(4))\(revision)"
        }
        let pairs = (0..<120).map { _ in (version(), version()) }
        // One shell for all pairs: a process each would take most of the time.
        let script =
            "compare() { dpkg --compare-versions \"$1\" \"$2\" \"$3\"; }\n"
            + pairs.map {
                "compare '\($0)' lt '\($1)' && echo lt || { compare '\($0)' eq '\($1)' && echo eq || echo gt; }"
            }
            .joined(separator: "\n")
        let answers = try run("sh", "-c", script).split(separator: "\n")
        #expect(answers.count == pairs.count)
        for (pair, answer) in zip(pairs, answers) {
            let (a, b) = (try #require(DebianVersion(pair.0)), try #require(DebianVersion(pair.1)))
            let wanted: DebianVersion.Order = answer == "lt" ? .earlier : answer == "eq" ? .same : .later
            #expect(a.order(against: b) == wanted, "\(pair.0) and \(pair.1)")
        }
    }
}
