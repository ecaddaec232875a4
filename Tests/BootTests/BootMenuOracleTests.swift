import Controller
import Testing

/// What the model of systemd-boot says will be booted, against systemd-boot itself, as the image ships it.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct BootMenuOracleTests {
    /// Boot entries; each starts a program of its own, which is called as the entry was at first.
    struct Menu: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// File names without suffix, and lines beside the `linux` one; a text that has such a line stays as it is.
        var entries: [(stem: String, text: String)]
        var boots = 1

        init(_ description: String, boots: Int = 1, _ entries: [(String, String)]) {
            (testDescription, self.boots, self.entries) = (description, boots, entries)
        }

        var files: [(name: String, text: String)] {
            entries.enumerated().map { index, entry in
                let line = "linux \(FirmwareMachine.program("\(index)"))\n"
                return (entry.stem + ".conf", (entry.text.contains("linux") ? "" : line) + entry.text)
            }
        }
    }

    /// Of most of them, an order by file name alone would take another.
    static let menus = [
        Menu("The newest version is booted", [("p-9", p(9)), ("p-10", p(10)), ("p-8", p(8))]),
        Menu(
            "A new entry is counted down to its last try; then the good one is booted", boots: 3,
            [("p-2+2", p(2)), ("p-1", p(1))]),
        Menu("A bad newest entry comes behind the good ones", [("p-9+0-3", p(9)), ("p-8", p(8)), ("p-7+3", p(7))]),
        Menu("Of bad entries alone, the newest is booted", [("p-10+0-1", p(10)), ("p-9+0-3", p(9)), ("q-8+0", p(8))]),
        Menu(
            "A sort key comes before none, and decides before the version",
            [("z", ""), ("p-9", p(9)), ("o-1+3", "sort-key other\nversion 1\n")]),
        Menu(
            "Without sort keys the name decides", [("p-9+1", ""), ("p-10+1-4", "version 1\n"), ("p-8", "version 9\n")]),
        Menu("Of equal versions the name decides", [("p-2", p(7)), ("p-10+3", p(7)), ("p-9", p(7))]),
        Menu(
            "Of one entry twice, the one with more tries left is booted", boots: 2,
            [("p-7+1-2", p(7)), ("p-7+3", p(7))]),
        Menu(
            "The machine's id decides before the version",
            [("p-9", p(9) + "machine-id b\n"), ("p-8+3", p(8) + "machine-id a\n")]),
        Menu("A pre-release is older than its release", [("p-b", p("2~rc1")), ("p-a", p("2")), ("p-c", p("1.9"))]),
        Menu(
            "Blank entries, comments and other files are passed over",
            [
                ("p-9+3", "# linux /programs/0.efi\n# version 9\n"), ("p-8+3", "linux \n"), ("p-7+1", p(7)),
                ("p-6", p(6)),
            ]),
        Menu(
            "What looks like a counter but is none is part of the name",
            [("p-3+x", ""), ("p-2+1-", ""), ("p-1+03-001", "")]),
        Menu("A count of 2^31 is part of the name", [("p-2+2147483648", p(2)), ("p-1", p(1))]),
        Menu("A count below is one", [("p-2+2147483647", p(2)), ("p-1", p(1))]),
        Menu("Tries done are counted no further than that", [("p-2+1-2147483647", p(2)), ("p-1", p(1))]),
        Menu("Case counts for nothing in names", [("P-1", ""), ("o-2", ""), ("Q-1", "")]),
        Menu("Case counts in names that are counted", [("P-1", ""), ("o-2", ""), ("Q-1+3", "")]),
        Menu("An entry is not counted where its next name is taken", boots: 2, [("p-7+2-1", p(7)), ("p-7+1-2", p(7))]),
    ]

    private static func p(_ version: Int) -> String { p("\(version)") }
    private static func p(_ version: String) -> String { "sort-key pisces\nversion \(version)\n" }

    @Test("The boot loader boots and counts what the model says", arguments: menus)
    func agreement(_ menu: Menu) throws {
        let machine = try FirmwareMachine(
            bootLoader: try FirmwareMachine.bootLoader(of: Needs.image), entries: menu.files,
            programs: menu.entries.indices.map { "\($0)" })
        for boot in 1...menu.boots {
            let before = try machine.entries()
            let entries = before.compactMap { MenuEntry(fileName: $0.name, bytes: $0.bytes) }
            let first = try #require(BootMenu.sorted(entries).first)
            var names = Set(before.map(\.name))
            // Where a file of that name is there already, the boot loader cannot count.
            if !names.contains(first.nameOnceTried) {
                names.remove(first.fileName)
                names.insert(first.nameOnceTried)
            }
            let ran = try machine.boot()
            #expect(first.linux == FirmwareMachine.program(ran), "boot \(boot): expected \(first.fileName), ran \(ran)")
            let left = try Set(machine.entries().map(\.name))
            #expect(left == names, "boot \(boot): \(left), not \(names)")
        }
    }
}
