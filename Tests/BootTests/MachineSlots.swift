import LinuxSystem
import Testing

/// Runs a test's machines beside those of few others: as many as there are processors, and no more than four.
///
/// An emulated machine keeps one processor busy most of the time; more of them at once would only be slow together, and
/// miss what is due in time.
struct MachineSlots: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await Slots.shared.take()
        let result: Result<Void, any Error>
        do { result = .success(try await function()) } catch { result = .failure(error) }
        await Slots.shared.giveBack()
        try result.get()
    }

    private actor Slots {
        static let shared = Slots()
        private var free = min(processorCount, 4)
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func take() async {
            if free > 0 { return free -= 1 }
            await withCheckedContinuation { waiting.append($0) }
        }

        func giveBack() {
            if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
        }
    }
}

extension Trait where Self == MachineSlots {
    /// Shares the host with the machines of other tests.
    static var machineSlots: Self { MachineSlots() }
}
