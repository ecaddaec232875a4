import PiscesTesting
import SlotMachine
import Testing

/// A machine whose storage is two variables, and that obeys all actions at once.
private struct World {
    var record: Record?
    var entries: [UInt64: EntryState] = [1: .good]
    /// What is in the slots; nil where content is not whole.
    var slots: [Slot: UInt64] = [.a: 1]
    var generations: [UInt64: Generation] = [1: Generation(number: 1, candidate(1, "1"))]
    var running = Slot.a
    var bootCount = 0
    var machine: StateMachine
    var restarts = 0
    /// What must not have happened.
    var violations: [String] = []
    var committed: Set<UInt64> = [1]

    init() {
        let first = Generation(number: 1, candidate(1, "1"))
        let seen = Observation(booted: Installation(first, in: .a), entries: [1: .good], boot: "0")
        machine = StateMachine(record: nil, seen: seen)
        begin()
    }

    /// A new process of the controller.
    mutating func begin() {
        let number = slots[running] ?? 0
        let booted = Installation(generations[number] ?? machine.record.good.generation, in: running)
        let other = slots[running.other].flatMap { generations[$0] }
        machine = StateMachine(
            record: record, seen: Observation(booted: booted, other: other, entries: entries, boot: "\(bootCount)"))
        send(.start)
    }

    /// The boot loader takes the newest with tries left, or the newest of all.
    mutating func boot() {
        bootCount += 1
        let order = entries.keys.sorted(by: >)
        guard let number = order.first(where: { entries[$0] != .bad }) ?? order.first,
            let slot = slots.first(where: { $0.value == number })?.key
        else { return violations.append("I1: nothing boots") }
        if case .counting(let left) = entries[number] {
            entries[number] = left > 1 ? .counting(left: left - 1) : .bad
        } else if !committed.contains(number) {
            violations.append("I5: \(number) is booted without counting")
        }
        running = slot
        begin()
    }

    mutating func send(_ event: Event) {
        let floor = machine.record.floor
        let good = machine.record.good
        var events = [event]
        while let event = events.popLast() {
            for action in machine.handle(event) { if let result = obey(action) { events.append(result) } }
        }
        if machine.record.floor < floor { violations.append("I4: the floor sinks") }
        if machine.record.floor > floor, machine.record.good == good { violations.append("I4: the floor rises alone") }
    }

    private mutating func obey(_ action: Action) -> Event? {
        switch action {
        case .save: record = machine.record
        case .invalidate(let slot, let number):
            protect(slot)
            entries = entries.filter { $0.key == machine.record.good.generation.number }
            slots[slot] = nil
            generations[number] = machine.record.target
            return .invalidated(number)
        case .write(let number, let slot, _):
            protect(slot)
            return .wrote(number)
        case .verify(let number, let slot):
            slots[slot] = number
            return .verified(number)
        case .stage(let number, _): return .staged(number)
        case .arm(let number, let tries):
            if slots[machine.record.good.slot.other] != number { violations.append("I3: \(number) is not there") }
            if entries[number] == nil { entries[number] = .counting(left: tries) }
        case .bless(let number):
            entries[number] = .good
            committed.insert(number)
            return .blessed(number)
        case .retire(let number): entries[number] = nil
        case .restart: restarts += 1
        case .repair, .refuse, .alarm: break
        }
        return nil
    }

    /// Something happens: as often as not what comes next on the way to a commit.
    mutating func step(_ generator: inout SeededGenerator) {
        let release = UInt64.random(in: 1...9, using: &generator)
        let install = Event.install(candidate(release, "\(release)"), insisting: Bool.random(using: &generator))
        if Bool.random(using: &generator) {
            switch machine.record.phase {
            case .staged: send(.flip())
            case .armed: boot()
            case .trying: send(.healthy)
            case .healthy: send(.commit)
            default: send(install)
            }
            return
        }
        let events = [install, .flip(), .healthy, .unhealthy, .commit, .rollBack(), .cancel]
        switch Int.random(in: 0..<events.count + 2, using: &generator) {
        case events.count: begin()
        case events.count + 1: boot()
        case let index: send(events[index])
        }
    }

    private mutating func protect(_ slot: Slot) {
        if slot == running { violations.append("I2: the running slot is written") }
        if slot == machine.record.good.slot { violations.append("I2: the good slot is written") }
    }
}

@Suite struct PropertyTests {
    /// Any orders in any sequence, power cuts between them.
    @Test func noSequenceOfCommandsBreaksAnInvariant() {
        var commits = 0
        for seed in 0..<300 {
            var generator = SeededGenerator(state: UInt64(seed))
            var world = World()
            for _ in 0..<60 {
                world.step(&generator)
            }
            commits += world.committed.count - 1
            #expect(world.violations == [], "seed \(seed)")
        }
        // It is about machines that get somewhere.
        #expect(commits > 300)
    }

    /// I7: what is never healthy ends in the last good generation, which stays up although its checks fail, too.
    @Test func bothSlotsBadEndInTheLastGoodOne() {
        var world = World()
        world.send(.install(candidate(2, "2")))
        world.send(.flip())
        var boots = 0
        repeat {
            world.restarts = 0
            world.boot()
            boots += 1
            world.send(.unhealthy)
        } while world.restarts > 0 && boots < 20
        #expect(boots == StateMachine.tries + 1)
        #expect(world.running == .a && world.machine.record.phase == .failed)
        #expect(world.machine.record.failures.map(\.reason) == [.exhausted])
        #expect(world.violations == [])
    }

    @Test func eachCommandAgainChangesNothing() {
        var world = World()
        let steps: [[Event]] = [
            [.install(candidate(2, "2"))], [.flip()], [.healthy], [.commit],
        ]
        for (index, step) in steps.enumerated() {
            if index == 2 { world.boot() }
            for event in step {
                world.send(event)
                let before = (world.machine.record, world.entries)
                world.send(event)
                #expect(world.machine.record == before.0 && world.entries == before.1, "\(event)")
            }
        }
        #expect(world.machine.record.phase == .committed && world.machine.record.floor == 2)
    }

    @Test func onlyTheNewestFailuresAreRemembered() {
        var world = World()
        for release in 2..<UInt64(Record.failuresLimit + 5) {
            world.send(.install(candidate(release, "\(release)")))
            world.send(.flip())
            world.boot()
            world.send(.rollBack())
            world.boot()
        }
        let failures = world.machine.record.failures
        #expect(failures.count == Record.failuresLimit)
        #expect(failures.last?.generation.candidate.release == UInt64(Record.failuresLimit + 4))
        #expect(world.violations == [])
    }

    /// A trial may be taken back in any case, since the boot loader does it unasked: the data may have changed by then.
    @Test func systemThatDoesNotKnowTheDataIsNotGoneBackToNorInstalled() {
        var world = World()
        var newer = candidate(2, "2")
        newer.data = DataSchema(version: 4, floor: 3)
        for event in [Event.install(newer), .flip()] { world.send(event) }
        world.boot()
        for event in [Event.healthy, .commit] { world.send(event) }
        #expect(world.machine.record.phase == .committed)
        world.boot()
        var machine = world.machine
        #expect(machine.handle(.rollBack()) == [.refuse(.dataTooNew(floor: 3))])
        #expect(machine.handle(.install(candidate(3, "3"))) == [.refuse(.dataTooNew(floor: 3))])
        var fitting = candidate(3, "3")
        fitting.data = DataSchema(version: 3, floor: 3)
        var other = world.machine
        #expect(other.handle(.install(fitting)).first == .save)
        #expect(machine.handle(.rollBack(insisting: true)).first == .save)
        #expect(machine.record.good.generation.candidate.kernelImage != "2")
    }

    @Test func trialIsTakenBackWhateverItsData() {
        var world = World()
        var newer = candidate(2, "2")
        newer.data = DataSchema(version: 4, floor: 3)
        for event in [Event.install(newer), .flip()] { world.send(event) }
        world.boot()
        for isHealthy in [false, true] {
            if isHealthy { world.send(.healthy) }
            var machine = world.machine
            #expect(machine.handle(.rollBack()).last == .restart)
        }
        // What is on trial has written nothing that counts: the next one is held to the data of the good one.
        var machine = world.machine
        _ = machine.handle(.rollBack())
        #expect(machine.record.good.generation.candidate.data == DataSchema())
    }

    @Test func lostRecordIsMadeOfWhatIsSeen() {
        let (old, new) = (Generation(number: 4, candidate(4, "4")), Generation(number: 5, candidate(5, "5")))
        func adopt(_ state: EntryState?, running: Generation, in slot: Slot) -> Record {
            var entries: [UInt64: EntryState] = [4: .good]
            entries[5] = state
            return StateMachine(
                record: nil,
                seen: Observation(
                    booted: Installation(running, in: slot), other: running == old ? new : old, entries: entries,
                    boot: "x")
            ).record
        }
        let trial = adopt(.counting(left: 1), running: new, in: .b)
        #expect(trial.phase == .trying && trial.good == Installation(old, in: .a) && trial.target == new)
        let settled = adopt(.good, running: new, in: .b)
        #expect(settled.phase == .idle && settled.good == Installation(new, in: .b) && settled.previous == old)
        let fallen = adopt(.bad, running: old, in: .a)
        #expect(fallen.phase == .idle && fallen.good == Installation(old, in: .a) && fallen.previous == nil)
        #expect([trial, settled, fallen].map(\.lastNumber) == [5, 5, 5])
    }
}
