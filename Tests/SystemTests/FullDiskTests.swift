import BlueprintModel
import Debian
import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A construction that finds too little room: in memory, where the root is made, or where the output goes.
private struct FullDisk: Sendable {
    /// The step that it does not survive.
    let step: String
    var memoryBytes = 4 << 30
    var outputBytes = 4 << 30
    /// Whether packages are to be unpacked and configured, not restored.
    var isCold = false
    /// Whether the data partition carries the packages, and so is more than holes.
    var hasStore = false
    /// What the message says.
    var words = ""

    var isMemory: Bool { memoryBytes < outputBytes }
}

extension SystemTests {
    @Suite struct FullDiskTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        /// Each step but the fetching, which has a test of its own, with less room than it needs.
        @Test func fullDiskIsNamedAtEveryStepAndKeepsNothing() throws {
            let site = site
            let memory = try memoryAfterCustomization()
            // The partitions in the order in which they are written, and the table that is written last.
            let partitions = try PartitionTable.read(path: site.image).plan.partitions
            func written(_ names: String...) throws -> Int {
                try partitions.filter { names.contains($0.name) }.reduce(0) {
                    try $0 + allocated(site.image, Int($1.startBytes)..<Int($1.endBytes))
                }
            }
            let room = 64 << 20
            let packages = try Lock(parsing: Array(site.firstLock.utf8), file: "lock").packages
            let store = packages.reduce(0) { $0 + Int($1.size) }
            let disks = [
                // Some scripts go on without a word where they find no room: so it is looked at behind them, too.
                FullDisk(
                    step: "configure packages", memoryBytes: memory + room / 2, isCold: true, words: "are left of"),
                FullDisk(step: "unpack packages", memoryBytes: 32 << 20, isCold: true, words: noSpace),
                FullDisk(step: "restore configured packages", memoryBytes: 32 << 20, words: noSpace),
                FullDisk(step: "apply blueprint", memoryBytes: memory - 4096, words: noSpace),
                FullDisk(step: "apply blueprint", memoryBytes: memory + room / 2, words: "are left of"),
                // The packages on their way into it, then in it.
                FullDisk(
                    step: "make data partition", memoryBytes: memory + room + (1 << 20), hasStore: true, words: noSpace),
                FullDisk(
                    step: "make data partition", memoryBytes: memory + store + (16 << 20), hasStore: true,
                    words: "populating file system"),
                FullDisk(step: "write root", outputBytes: 1 << 20, words: noSpace),
                FullDisk(
                    step: "make boot files", outputBytes: try written("root-1", "verity-1") + (64 << 10), words: noSpace
                ),
                FullDisk(
                    step: "make data partition", outputBytes: try written("root-1", "verity-1", "esp") + (64 << 10),
                    words: noSpace),
                FullDisk(
                    step: "verify image", outputBytes: try allocated(site.image, 0..<(1 << 62)) - 4096, words: noSpace),
            ]
            let outcomes = try parallelMap(count: disks.count) { index in
                try Self.construct(site, disks[index], "full-\(index)")
            }
            for (disk, outcome) in zip(disks, outcomes) {
                let name = "\(disk.step), memory \(disk.memoryBytes), output \(disk.outputBytes):\n\(outcome.errors)"
                #expect(outcome.output == "status 1\n", "\(name)")
                let began = outcome.errorLines.last { $0.contains("\"event\":\"began\"") }
                #expect(began?.contains("\"\(disk.step)\"") == true, "\(name)")
                let mend = disk.isMemory ? "the root is made in memory" : "free some space there"
                for words in [disk.words, mend] { #expect(outcome.errors.contains(words), "\(name)") }
            }
        }

        /// The construction, with what is then in the output directory.
        private static func construct(_ site: Site, _ disk: FullDisk, _ name: String) throws -> Outcome {
            let image = disk.hasStore ? "\nimage: { data: 2GiB, store: true }\n" : ""
            let folder = try site.makeFolder(name, blueprint: nodeBlueprint + image)
            if disk.hasStore { try folder.fitLock() }
            try makeDirectories("\(folder.cache)/pisces/workshop")
            if !disk.isCold { try site.warm(folder) }
            let construct = folder.construct(site.mirror + ["--json"])
            let script = "\"$@\" > /dev/null || echo status $?; ls -A \(folder.path)/out"
            var command = try Workshop.command(
                ["sh", "-c", script, "sh"] + construct.argv,
                mounting: [
                    .init(directory: "\(folder.cache)/pisces/workshop", sizeBytes: disk.memoryBytes),
                    .init(directory: "\(folder.path)/out", sizeBytes: disk.outputBytes),
                ], helper: builtProgram("pisces-enter"))
            command.environment = construct.environment
            return try command.outcome()
        }

        /// How many bytes the root takes in memory once packages and blueprint are in it; writing it takes its time.
        private func memoryAfterCustomization() throws -> Int {
            let folder = try site.makeFolder("full-measure")
            try site.warm(folder)
            var used = ""
            let (status, said) = try folder.construct(site.mirror).interrupt(
                during: "write root", after: "apply blueprint"
            ) { process in
                let directory = "/proc/\(process)/root\(folder.cache)/pisces/workshop"
                used = try run("stat", "--file-system", "--format", "%b %f %S", directory)
                kill(process, SIGKILL)
            }
            #expect(status == .signalled(SIGKILL), "\(said)")
            // Blocks in all, free ones, bytes of one.
            let numbers = used.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            try #require(numbers.count == 3)
            return (numbers[0] - numbers[1]) * numbers[2]
        }

        /// The bytes of a range of a file that are no hole.
        private func allocated(_ path: String, _ range: Range<Int>) throws -> Int {
            let file = try Descriptor.open(path)
            var sum = 0
            var position = range.lowerBound
            while case let start = lseek(file.rawValue, position, seekData), start >= 0, start < range.upperBound {
                position = lseek(file.rawValue, start, seekHole)
                sum += min(position, range.upperBound) - start
            }
            return sum
        }
    }
}

private let noSpace = "No space left on device"

// lseek(2): the header defines them for GNU programs only.
private let seekData: Int32 = 3
private let seekHole: Int32 = 4
