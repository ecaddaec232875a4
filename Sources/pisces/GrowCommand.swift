import ArgumentParser
import Debian
import Disk
import LinuxSystem

struct GrowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grow",
        abstract: "Enlarge this machine's data partition to the end of its disk.",
        discussion: "Done at every boot by pisces-grow.service; nothing happens where nothing is free.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        // What the initrd found out about the boot, in its own words.
        let record = "/run/pisces/boot"
        guard let boot = try? Deb822.parse(try Workspace.readFile(record, limit: 1 << 16), file: record).first,
            let disk = boot["Disk"], let data = boot["Data"]
        else {
            throw Failure("\(record) is missing: this system was not booted from an image that Pisces constructed")
        }
        guard let number = Int(String(data.reversed().prefix { $0.isNumber }.reversed())) else {
            throw Failure("\(record): \(data) does not name a partition")
        }
        let growth = try PartitionTable.grow(path: disk, partition: number)
        // In any case: power may have failed between the two steps of an earlier boot.
        try resizeExt4(mountPoint: "/var")
        guard let growth else { return console.note("\(data) already reaches the end of \(disk)") }
        console.note("\(data): \(humanSize(growth.before.sizeBytes)) → \(humanSize(growth.after.sizeBytes))")
    }
}
