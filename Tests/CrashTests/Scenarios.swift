import Controller
import LinuxSystem
import SlotMachine
import Testing

/// Something that is done to a machine, step by step, without a power cut.
enum Scenario: String, CaseIterable, Sendable {
    case upgradeTwice = "two upgrades, each committed"
    case sick = "an upgrade that is never healthy"
    case rollBack = "a committed upgrade is taken back, another follows"
    case interrupted = "an upgrade is interrupted, goes on, is cancelled; another follows"
    case same = "the same system into the other slot"

    /// Whose checks pass.
    func isHealthy(_ system: TestSystem) -> Bool { self != .sick || system.name != "b" }

    /// Does it all, and returns what was logged.
    func record(_ host: Host) throws -> Log {
        var play = Play(host: host, boot: try host.powerOn(), isHealthy: isHealthy)
        play.mark(good: .a)
        play.host.log.operations.append(.proven(1))
        let systems = host.systems
        switch self {
        case .upgradeTwice:
            try play.upgrade(to: systems.b)
            try play.tryAndCommit(systems.b)
            try play.upgrade(to: systems.c)
            try play.tryAndCommit(systems.c)
        case .sick:
            try play.upgrade(to: systems.b)
            for _ in 1...3 {
                try play.restart(into: systems.b)
                #expect(try play.controller { try $0.judge(isHealthy: false) } == [.mustRestart])
            }
            try play.restart(into: systems.a)
            try play.controller { #expect($0.record.phase == .failed) }
        case .rollBack:
            try play.upgrade(to: systems.b)
            try play.tryAndCommit(systems.b)
            play.mark(good: .a)
            #expect(try play.controller { try $0.rollBack() } == [.mustRestart])
            try play.restart(into: systems.a)
            try play.upgrade(to: systems.c)
            try play.tryAndCommit(systems.c)
        case .interrupted:
            var cut = systems.b.upgrade
            let read = cut.read
            cut.read = { artefact, offset, count in
                guard artefact == .root, offset < 16 << 10 else { throw Interruption() }
                return try read(artefact, offset, count)
            }
            #expect(throws: ControllerError.self) { try play.controller { try $0.upgrade(cut) } }
            try play.controller { #expect($0.record.phase == .interrupted && $0.record.written > 0) }
            try play.upgrade(to: systems.b)
            #expect(try play.controller { try $0.cancel() } == [])
            try play.upgrade(to: systems.c)
        case .same:
            try play.upgrade(to: systems.a)
            try play.tryAndCommit(systems.a)
        }
        return host.log
    }

    private struct Interruption: Error {}
}

/// The steps of scenarios.
private struct Play {
    let host: Host
    var boot: PowerOn.Boot
    let isHealthy: (TestSystem) -> Bool
    private var good = Slot.a

    init(host: Host, boot: PowerOn.Boot, isHealthy: @escaping (TestSystem) -> Bool) {
        (self.host, self.boot, self.isHealthy) = (host, boot, isHealthy)
    }

    mutating func mark(good: Slot) {
        self.good = good
        host.log.operations.append(.runs(boot.slot, good: good))
    }

    @discardableResult
    func controller<Result>(_ body: (inout Controller) throws -> Result) throws -> Result {
        var controller = try host.controller(in: boot)
        #expect(try controller.start().contains(.mustRestart) == false)
        return try body(&controller)
    }

    mutating func restart(into system: TestSystem) throws {
        boot = try host.powerOn()
        #expect(boot.system.name == system.name)
        mark(good: good)
    }

    func upgrade(to system: TestSystem) throws {
        let notices = try controller { try $0.upgrade(system.upgrade, insisting: true) }
        #expect(notices == [])
        #expect(try controller { try $0.flip() } == [])
    }

    mutating func tryAndCommit(_ system: TestSystem) throws {
        try restart(into: system)
        host.log.operations.append(.proven(boot.generation))
        #expect(try controller { try $0.judge(isHealthy: true) } == [])
        #expect(try controller { try $0.commit() } == [])
        mark(good: boot.slot)
    }
}
