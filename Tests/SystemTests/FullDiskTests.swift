import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A construction that finds no room from the beginning of a step on.
private struct FullDisk: Sendable {
    /// Which file system is full: the one in memory where the root is made, or the one of the output.
    enum Place { case memory, output }

    let step: String
    let place: Place
    /// What it still has room for.
    var leftBytes = 0
    /// What the message says beside that there is no space left.
    let words: [String]

    static let inMemory = ["the root is made in memory"]
    static let ofOutput = ["free some space there"]

    static let all = [
        FullDisk(step: "unpack packages", place: .memory, words: inMemory),
        FullDisk(step: "configure packages", place: .memory, words: inMemory),
        FullDisk(step: "configure packages", place: .memory, leftBytes: 3 << 20, words: inMemory),
        FullDisk(step: "restore configured packages", place: .memory, words: inMemory),
        FullDisk(step: "apply blueprint", place: .memory, words: inMemory),
        FullDisk(step: "make data partition", place: .memory, words: inMemory),
        FullDisk(step: "make data partition", place: .memory, leftBytes: 128 << 10, words: inMemory),
        FullDisk(step: "write root", place: .output, words: ofOutput),
        FullDisk(step: "make boot files", place: .output, words: ofOutput),
        FullDisk(step: "make data partition", place: .output, words: ofOutput),
        FullDisk(step: "verify image", place: .output, words: ofOutput),
    ]
}

/// How such a construction ended.
private struct Ending: Sendable {
    let status: LinuxSystem.ExitStatus?
    let said: String
    /// What was left in the output directory, and of processes and mounts.
    let left: [String]
}

extension SystemTests {
    @Suite(.enabled(if: isRoot, "mounts small disks")) struct FullDiskTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        @Test func fullDiskIsNamedAtEveryStepAndKeepsNothing() throws {
            let site = site
            let endings = try parallelMap(count: FullDisk.all.count) { index in
                try Self.construct(site, FullDisk.all[index], number: index)
            }
            for (disk, ending) in zip(FullDisk.all, endings) {
                let name = "\(disk.step), \(disk.place), \(disk.leftBytes) bytes left"
                #expect(ending.status == .exited(1), "\(name): \(ending.said)")
                for words in ["No space left on device"] + disk.words {
                    #expect(ending.said.contains(words), "\(name): \(ending.said)")
                }
                #expect(ending.left == [], "\(name)")
            }
            // With room again, in a folder that has seen it all.
            let folder = Folder(path: "\(site.path)/full-10")
            let outcome = try folder.construct(["--offline"]).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try differences(between: site.image, and: folder.output) == [])
        }

        private static func construct(_ site: Site, _ disk: FullDisk, number: Int) throws -> Ending {
            let folder = try site.makeFolder("full-\(number)")
            try makeDirectories(folder.store)
            let isCold = ["unpack packages", "configure packages"].contains(disk.step)
            if !isCold { try site.warm(folder) }
            var command = folder.construct(site.mirror)
            // The mount ends with the process, and nothing but that process sees it.
            let script = "mount -t tmpfs out out; exec \(command.argv.joined(separator: " ")) --json"
            command.executable = "unshare"
            command.arguments = ["--mount", "sh", "-euc", script]
            command.workingDirectory = folder.path
            var traces: Traces?
            var output: Descriptor?
            let (status, said) = try command.interrupt(during: disk.step) { process in
                traces = try Traces(of: process, in: folder)
                let folders = [FullDisk.Place.memory: "\(folder.cache)/pisces/workshop", .output: "\(folder.path)/out"]
                // Keeps what is in it to be looked at.
                output = try Descriptor.directory("/proc/\(process)/root\(folders[.output] ?? "")")
                try fill(folders[disk.place] ?? "", of: process, leavingBytes: disk.leftBytes)
            }
            let left = try output?.entries() ?? ["no output directory"]
            return Ending(status: status, said: said, left: try left + (traces?.leftovers(in: folder) ?? []))
        }

        /// Makes a file system in memory as small as what is in it: it may grow meanwhile, so more than one try.
        private static func fill(_ directory: String, of process: pid_t, leavingBytes: Int) throws {
            let script = """
                for attempt in $(seq 100); do
                    used=$(df -B1 --output=used "$1" | tail -n 1)
                    mount -o "remount,size=$((used + 4096 + $2))" "$1" && exit
                done
                exit 1
                """
            try run(
                "nsenter", "--mount=/proc/\(process)/ns/mnt", "sh", "-c", script, "fill", directory, "\(leavingBytes)")
        }
    }
}
