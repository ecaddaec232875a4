import CInit
import Controller
import LinuxSystem
import SlotMachine

/// Holds what a power cut left to the invariants I1 to I8, by what the machine does when it is switched on.
struct Judge {
    let systems: TestSystems
    let isHealthy: (TestSystem) -> Bool
    /// Whether everything is done twice.
    var isThorough = false
    /// Generations whose checks have passed: they alone may be booted uncounted.
    var proven: Set<UInt64>
    private(set) var violations: [String] = []

    init(_ systems: TestSystems, isHealthy: @escaping (TestSystem) -> Bool, proven: Set<UInt64>) {
        (self.systems, self.isHealthy, self.proven) = (systems, isHealthy, proven)
    }

    private mutating func expect(_ holds: Bool, _ violation: @autoclosure () -> String) {
        if !holds { violations.append(violation()) }
    }

    // MARK: At rest

    /// Looks at a machine that is switched off, and on whose disk that record was.
    mutating func look(at machine: Machine, lastRecord: Record?) {
        if let lastRecord {
            let record = Self.record(machine)
            expect(record != nil, "I4: the record with the floor is lost")
            expect(record?.floor ?? .max >= lastRecord.floor, "I4: the floor has sunk")
        }
        let copies = Self.copies(machine.disk)
        expect(copies.contains { $0 != nil }, "I8: neither copy of the partition table is whole")
        let menu = PowerOn.menu(machine.esp)
        expect(menu.contains { $0.tries == nil }, "I1: there is no entry that is booted for as long as it takes")
        for entry in menu {
            var number: UInt64 = 0
            _ = cinit_entry_generation(entry.identifier, &number)
            expect(entry.tries != nil || proven.contains(number), "I5: \(entry.fileName) is not counted, nor proven")
            do {
                let target = try PowerOn.target(of: entry, machine, systems)
                expect(target.pair.generation == number, "I3: \(entry.fileName) boots \(target.pair.generation)")
            } catch { violations.append("I3: \(error.message)") }
        }
    }

    /// Both copies of the table as text; nil for one that is not whole.
    static func copies(_ disk: DiskImage) -> [String?] {
        [1, disk.sizeBytes / 512 - 1].map { lba in
            PowerOn.partitions(disk, lba: lba).map { table in
                table.map { "\(text($0.name)) \(text($0.id)) \($0.first)" }.joined(separator: "\n")
            }
        }
    }

    private static func text<T>(_ characters: T) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The newest whole record.
    static func record(_ machine: Machine) -> Record? {
        machine.state.values.compactMap { try? RecordCopy(parsing: $0) }.max { $0.sequence < $1.sequence }?.record
    }

    // MARK: Alive

    /// Switches a machine on until it runs and does not want to be started anew.
    /// - Returns: the machine as it runs then; nil if it never does.
    mutating func settle(_ machine: Machine, name: String) throws -> (host: Host, boot: PowerOn.Boot)? {
        let host = Host(machine, systems, name: name)
        let before = Self.record(machine)
        var failures = 0
        for _ in 1...8 {
            let boot: PowerOn.Boot
            do { boot = try host.powerOn() } catch let failure as PowerOn.Failure {
                failures += 1
                if failure.isFinal || failures > StateMachine.tries {
                    violations.append("I1: \(failure.message)")
                    return nil
                }
                continue
            }
            expect(
                boot.isCounted || proven.contains(boot.generation),
                "I5: generation \(boot.generation) was booted without counting")
            if try !runs(host, boot) { continue }
            let after = try host.machine()
            let copies = Self.copies(after.disk)
            expect(copies[0] != nil && copies[0] == copies[1], "I8: the copies of the table were not mended")
            let record = Self.record(after)
            if let record, let before {
                let highest = max(before.floor, record.good.generation.candidate.release)
                expect(
                    record.floor >= before.floor && record.floor <= highest,
                    "I4: the floor went from \(before.floor) to \(record.floor)")
            }
            expect(
                record.map { $0.good.generation.number == boot.generation } ?? true,
                "I7: it settled in \(boot.generation), but \(record?.phase.rawValue ?? "") is what the record says")
            return (host, boot)
        }
        violations.append("I7: it starts anew for ever")
        return nil
    }

    /// Runs the controller as the units of a booted system do; false if it wants to start anew.
    private mutating func runs(_ host: Host, _ boot: PowerOn.Boot) throws -> Bool {
        let first = host.log.operations.count
        let good = Self.record(try host.machine())?.good.slot ?? boot.slot
        defer { checkWrites(host.log.operations[first...], running: boot.slot, good: good) }
        var controller = try host.controller(in: boot)
        if try controller.start().contains(.mustRestart) { return false }
        let isHealthy = isHealthy(boot.system)
        if isHealthy { proven.insert(boot.generation) }
        if try controller.judge(isHealthy: isHealthy).contains(.mustRestart) { return false }
        if isHealthy { _ = try controller.commit() }
        if !isThorough { return true }
        // Once more, by another process: nothing is left to do.
        let done = host.log.operations.count
        var again = try host.controller(in: boot)
        if try again.start().contains(.mustRestart) { return false }
        _ = try again.judge(isHealthy: isHealthy)
        if isHealthy { _ = try again.commit() }
        expect(host.log.operations.count == done, "I6: the same again changed something")
        return true
    }

    /// I2, and the order of I8.
    mutating func checkWrites(_ operations: some Sequence<Log.Operation>, running: Slot, good: Slot) {
        var protected: Set<Slot> = [running, good]
        for operation in operations {
            switch operation {
            case .runs(let running, let good): protected = [running, good]
            case .diskWrite(let offset, let bytes):
                for slot in protected {
                    let start = FreshDisk.places(slot).root
                    expect(
                        offset + bytes.count <= start || offset >= start + 2 << 20,
                        "I2: slot \(slot) was written while it was running or the last good one")
                }
            default: break
            }
        }
    }

    /// Installs a system on a machine that runs, boots it and commits it: all must be as if nothing had happened.
    mutating func upgrade(_ host: Host, _ boot: PowerOn.Boot, to system: TestSystem) throws {
        let first = host.log.operations.count
        var controller = try host.controller(in: boot)
        let notices = try controller.start() + controller.upgrade(system.upgrade) + controller.flip()
        expect(notices == [], "the next upgrade was not taken: \(notices)")
        checkWrites(host.log.operations[first...], running: boot.slot, good: boot.slot)
        var next = try host.powerOn()
        expect(next.system.name == system.name && next.triesLeft != nil, "the next upgrade was not tried")
        _ = try runs(host, next)
        next = try host.powerOn()
        expect(next.system.name == system.name && next.triesLeft == nil, "the next upgrade was not committed")
    }
}
