import Controller
import LinuxSystem
import SlotMachine
import Testing

@Suite struct BootReportTests {
    private static let hash = SHA256.hash([1])
    /// As pisces-init writes it.
    private static let text = """
        Generation: 7
        Slot: b
        Disk: /dev/vda
        Root: /dev/vda4
        Verity: /dev/vda5
        Data: /dev/vda6
        ESP: /dev/vda1
        Root-Hash: \(hash)
        Entry: pisces-7.conf

        """

    @Test func whatTheInitrdWritesIsRead() throws {
        let report = try BootReport(parsing: Self.text)
        #expect(report.generation == 7 && report.slot == .b && report.rootHash == Self.hash)
        #expect(report.disk == "/dev/vda" && report.systemPartition == "/dev/vda1")
        let seen = report.observation(boot: "0123\n", isFirmwareBoot: true)
        #expect(seen.booted.generation.number == 7 && seen.booted.slot == .b && seen.boot == "0123")
        let without = Self.text.split(separator: "\n").filter { !$0.hasPrefix("ESP") && !$0.hasPrefix("Entry") }
        #expect(try BootReport(parsing: without.joined(separator: "\n")).systemPartition == nil)
    }

    @Test(arguments: [
        ("Generation: 7", "Generation: 0"), ("Generation: 7", "Generation: -7"), ("Generation: 7", ""),
        ("Slot: b", "Slot: c"), ("Slot: b", "Slot:b"), ("Root-Hash: ", "Root-Hash: 0"), ("/dev/vda\n", "vda\n"),
    ])
    func whatSaysTooLittleIsRefused(_ old: String, _ new: String) throws {
        let range = try #require(Self.text.firstRange(of: old))
        let error = #expect(throws: ControllerError.self) {
            try BootReport(parsing: Self.text.replacingCharacters(in: range, with: new))
        }
        #expect(error?.subject == "/run/pisces/boot")
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + self[range.upperBound...]
    }
}
