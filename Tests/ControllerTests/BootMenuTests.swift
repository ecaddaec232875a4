import LinuxSystem
import PiscesTesting
import Testing

@testable import Controller

/// The Boot Loader Specification, the Automatic Boot Assessment and the Version Format Specification by example.
@Suite struct BootMenuTests {
    private func entry(_ name: String, _ text: String = "linux /l\n") -> MenuEntry? {
        MenuEntry(fileName: name, bytes: Array(text.utf8))
    }

    private func order(_ entries: [(String, String)]) -> [String] {
        BootMenu.sorted(entries.compactMap { entry($0.0, "linux /l\n" + $0.1) }).map(\.fileName)
    }

    @Test(
        "Counters are read from the end of the name",
        arguments: [
            ("a.conf", "a.conf", nil, nil), ("a+3.conf", "a.conf", 3, 0), ("a+2-1.conf", "a.conf", 2, 1),
            ("a+0-3.conf", "a.conf", 0, 3), ("a-7+03-002.conf", "a-7.conf", 3, 2), ("a+1+2.conf", "a+1.conf", 2, 0),
            ("a+x.conf", "a+x.conf", nil, nil), ("a+.conf", "a+.conf", nil, nil), ("a+1-.conf", "a+1-.conf", nil, nil),
            ("a+1-2-3.conf", "a+1-2-3.conf", nil, nil), ("a+-1.conf", "a+-1.conf", nil, nil),
            ("a+99999999999999999999.conf", "a+99999999999999999999.conf", nil, nil),
            ("a+2147483647.conf", "a.conf", 2_147_483_647, 0), ("a+2147483648.conf", "a+2147483648.conf", nil, nil),
        ] as [(String, String, Int?, Int?)])
    func counters(_ name: String, _ identifier: String, _ left: Int?, _ done: Int?) throws {
        let entry = try #require(self.entry(name))
        #expect(entry.identifier == identifier)
        #expect(entry.tries?.left == left && entry.tries?.done == done)
    }

    @Test("Each boot takes a try, and is counted even if none is left")
    func counting() throws {
        var names = ["pisces-7+3.conf"]
        for _ in 0..<4 { names.append(try #require(entry(names[names.count - 1])).nameOnceTried) }
        #expect(
            names.dropFirst() == ["pisces-7+2-1.conf", "pisces-7+1-2.conf", "pisces-7+0-3.conf", "pisces-7+0-4.conf"])
        #expect(try #require(entry("pisces-7.conf")).nameOnceTried == "pisces-7.conf")
        #expect(try #require(entry("a+1-\(Int32.max).conf")).nameOnceTried == "a+0-\(Int32.max).conf")
    }

    @Test(
        "What names no kernel is passed over",
        arguments: ["", "title a\n", "#\n\n\n", "linux\n", "# linux /l\n", "\u{0}\u{0}\u{0}"])
    func noKernel(_ text: String) { #expect(entry("a.conf", text) == nil) }

    @Test("Only entries count, and comments, tabs and line ends of any kind are read as such")
    func syntax() throws {
        #expect(entry("a.efi") == nil && entry(".conf") == nil && entry("a.conf~") == nil)
        let text = "# a\r\nlinux\t/EFI/a b.efi  \r\noptions a\noptions b\nversion 7\nunknown x\n\n"
        let entry = try #require(self.entry("a.conf", text))
        #expect(entry.linux == "/EFI/a b.efi" && entry.options == "a b" && entry.version == "7")
    }

    @Test("Entries without tries left come last, whatever else they say")
    func bad() {
        let sorted = order([
            ("p-9+0-3.conf", "sort-key a\nversion 9\n"), ("p-8.conf", "sort-key b\nversion 8\n"),
            ("p-7+1-2.conf", "sort-key b\nversion 7\n"), ("old.conf", ""),
        ])
        #expect(sorted == ["p-8.conf", "p-7+1-2.conf", "old.conf", "p-9+0-3.conf"])
    }

    @Test("Those with a sort key come first; then key, machine and version decide, the newest first")
    func sorting() {
        let sorted = order([
            ("z.conf", ""), ("a.conf", ""), ("1.conf", "sort-key pisces\nversion 9\n"),
            ("2.conf", "sort-key pisces\nversion 10\n"), ("3.conf", "sort-key other\nversion 1\n"),
            ("4.conf", "sort-key pisces\nmachine-id 1\nversion 99\n"),
        ])
        #expect(sorted == ["3.conf", "2.conf", "1.conf", "4.conf", "z.conf", "a.conf"])
    }

    @Test("Names are compared without regard to case, but those of counted entries with it")
    func letters() {
        #expect(order([("P-1.conf", ""), ("o-2.conf", ""), ("Q-1.conf", "")]).first == "Q-1.conf")
        #expect(order([("P-1.conf", ""), ("o-2.conf", ""), ("Q-1+3.conf", "")]).first == "P-1.conf")
        #expect(order([("P-1.conf", ""), ("o-2.conf", ""), ("q-1+3.conf", "")]).first == "q-1+3.conf")
    }

    @Test("Of two counters of one entry the one with more tries is taken, then the one less tried")
    func twins() {
        #expect(order([("a+1-2.conf", ""), ("a+2-1.conf", "")]) == ["a+2-1.conf", "a+1-2.conf"])
        #expect(order([("a+2-5.conf", ""), ("a+2-1.conf", "")]) == ["a+2-1.conf", "a+2-5.conf"])
    }

    /// From the specification (UAPI.10), each list rising.
    @Test(
        "Versions have the specification's order",
        arguments: [
            ["~", "", "-", "^", ".", "a", "0"],
            [
                "122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1",
                "123a-1", "124-1",
            ],
            ["1", "2", "9", "10", "100"], ["1a", "1b", "1ba"], ["0001", "2", "0010"],
        ])
    func versions(_ rising: [String]) {
        for (left, one) in rising.enumerated() {
            for (right, other) in rising.enumerated() {
                let order = VersionOrder.compare(one, other)
                #expect(order.signum() == (left - right).signum(), "\(one) against \(other)")
            }
        }
    }

    @Test("systemd compares versions alike")
    func oracle() throws {
        guard try shell("systemd-analyze compare-versions 1 2").output.contains("<") else { return }
        let parts = ["1", "2", "10", "01", "a", "b", "~", "-", "^", ".", "rc", "_"]
        var state: UInt64 = 5
        var pairs: [(String, String)] = []
        for _ in 0..<120 {
            let texts = (0..<2).map { _ in
                (0..<4).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return parts[Int(state >> 33) % parts.count]
                }.joined()
            }
            pairs.append((texts[0], texts[1]))
        }
        let calls = pairs.map { "systemd-analyze compare-versions -- '\($0.0)' '\($0.1)'" }.joined(separator: "; ")
        let lines = try shell(calls).output.split(separator: "\n").filter {
            $0.contains(" < ") || $0.contains(" > ") || $0.contains(" == ")
        }
        try #require(lines.count == pairs.count)
        for ((left, right), line) in zip(pairs, lines) {
            let order = VersionOrder.compare(left, right)
            let mark = order < 0 ? " < " : order > 0 ? " > " : " == "
            #expect(line.contains(mark), "\(left) and \(right): systemd says \(line)")
        }
    }
}
