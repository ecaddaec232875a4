import LinuxSystem
import Testing

@testable import Controller

@Suite struct EventLogTests {
    @Test func eventsAreKeptInTheirOrder() throws {
        let directory = try TemporaryDirectory()
        let log = EventLog(path: directory.path + "/events")
        #expect(log.entries().isEmpty)
        try log.append("staged", generation: 2, "installed from \"x\"\nand y")
        try log.append("flipped", generation: 2, "three tries")
        #expect(log.entries().map(\.event) == ["staged", "flipped"])
        #expect(log.entries().first?.message == "installed from \"x\"\nand y")
        #expect(log.entries().allSatisfy { $0.time > 1_700_000_000 && $0.generation == 2 })
    }

    @Test func linesThatMakeNoSenseArePassedOver() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/events"
        let foreign = "{\"time\":1}\nnonsense\n{\"time\":1,\"event\":\"e\",\"generation\":-1,\"message\":\"m\"}\n"
        try AtomicFile.write(Array(foreign.utf8) + [0xFF, 0x0A], to: path)
        let log = EventLog(path: path)
        #expect(log.entries().isEmpty)
        try log.append("after", generation: 1, "m")
        #expect(log.entries().map(\.event) == ["after"])
    }

    @Test func oldestGoWhenThereAreTooMany() throws {
        let directory = try TemporaryDirectory()
        let log = EventLog(path: directory.path + "/events")
        let long = String(repeating: "m", count: 8 << 10)
        for number in 1...20 { try log.append("e", generation: UInt64(number), long) }
        #expect(try Descriptor.open(log.path).status().size <= EventLog.limitBytes)
        #expect(log.entries().last?.generation == 20)
        #expect((3...8).contains(log.entries().count))
    }

    @Test func logIsItsOwnersAloneAndOneThatIsTooLargeBeginsAnew() throws {
        let directory = try TemporaryDirectory()
        let log = EventLog(path: directory.path + "/events")
        try AtomicFile.write([UInt8](repeating: UInt8(ascii: "x"), count: 2 * EventLog.limitBytes + 1), to: log.path)
        #expect(log.entries().isEmpty)
        // What is larger than the limit by itself is kept all the same.
        let long = String(repeating: "m", count: EventLog.limitBytes)
        try log.append("e", generation: .max, long)
        #expect(log.entries().map(\.message) == [long] && log.entries().first?.generation == UInt64(Int.max))
        #expect(try Descriptor.open(log.path).status().mode & 0o777 == 0o600)
    }
}
