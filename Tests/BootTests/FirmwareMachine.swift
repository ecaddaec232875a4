import BootArtefacts
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import VirtualMachine

/// A disk with an EFI system partition alone, and what the firmware and systemd-boot make of it.
///
/// What the entries start are programs of some hundred bytes that tell their names and turn the machine off.
struct FirmwareMachine: ~Copyable {
    private let directory: TemporaryDirectory
    private let disk: String
    private static let start = 1 << 20, size = 40 << 20

    /// A program that stands for a kernel image; its path in the system partition.
    static func program(_ name: String) -> String { "/programs/\(name).efi" }

    /// Makes a disk with boot entries, by file names, and a program for each name.
    init(bootLoader: [UInt8], entries: [(name: String, text: String)], programs: [String]) throws {
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let disk = directory.path + "/disk.raw"
        var tree = FileTree()
        for folder in ["/", "/EFI", "/EFI/BOOT", "/loader", "/loader/entries", "/programs"] {
            tree[folder] = .directory()
        }
        tree["/EFI/BOOT/BOOTX64.EFI"] = .file(bootLoader)
        tree["/loader/loader.conf"] = .file(LoaderConfiguration().text)
        tree["/loader/entries.srel"] = .file("type1\n")
        for (name, text) in entries { tree["/loader/entries/\(name)"] = .file(text) }
        for name in programs { tree[Self.program(name)] = .file(Self.telling(name)) }
        let partition = PlannedPartition(
            number: 1, name: "esp", type: .efiSystem, guid: .linuxGeneric, startBytes: UInt64(Self.start),
            sizeBytes: UInt64(Self.size))
        try PartitionTable.create(
            path: disk,
            plan: DiskPlan(
                diskGUID: .variableData, sizeBytes: UInt64(Self.size + 2 * Self.start), partitions: [partition]))
        try Fat32Writer.write(
            tree, source: nil, to: try Descriptor.open(disk, O_RDWR), at: Self.start, sizeBytes: Self.size,
            label: "ESP", volumeID: 1, epoch: 1_700_000_000)
        self.directory = directory
        self.disk = disk
    }

    /// The boot entries that are there now.
    func entries() throws -> [(name: String, bytes: [UInt8])] {
        let folder = "/loader/entries/"
        return try Self.files(in: disk, at: Self.start, size: Self.size) { $0.hasPrefix(folder) }
            .map { (String($0.path.dropFirst(folder.count)), $0.bytes) }
    }

    /// Turns the machine on; the name of the program that ran, or all that the console said if none did.
    func boot() throws -> String {
        let (console, variables) = (directory.path + "/console", directory.path + "/variables.fd")
        for path in [console, variables] { unlink(path) }
        var options = MachineOptions(
            imagePath: disk, architecture: .amd64,
            firmware: try Firmware.prepare(for: .amd64, variablesPath: variables))
        (options.memoryMiB, options.processors, options.watchdog) = (256, 1, false)
        (options.snapshot, options.serial) = (false, .file(console))
        var command = Command(QemuPlan.executable(for: .amd64), try QemuPlan.arguments(for: options))
        (command.input, command.output) = (.null, .discarded)
        var machine = try command.start()
        let status = try machine.wait(atMostMilliseconds: 120_000)
        if status == nil {
            try machine.send(SIGKILL)
            _ = try machine.wait()
        }
        let said = String(decoding: try Descriptor.open(console).readToEnd(), as: UTF8.self)
        return said.split(separator: "<ran ").dropFirst().last?.split(separator: ">").first.map { String($0) } ?? said
    }

    /// The boot loader of an image that Pisces made.
    static func bootLoader(of image: String) throws -> [UInt8] {
        guard let place = try PartitionTable.read(path: image).plan.partitions.first(where: { $0.type == .efiSystem }),
            let file = try files(
                in: image, at: Int(place.startBytes), size: Int(place.sizeBytes),
                where: { $0 == "/EFI/BOOT/BOOTX64.EFI" }
            ).first
        else { throw Guest.Failure(description: "\(image): no boot loader") }
        return file.bytes
    }

    private static func files(
        in image: String, at start: Int, size: Int, where isWanted: (String) -> Bool
    ) throws -> [(path: String, bytes: [UInt8])] {
        let volume = try Fat32Reader.open(try Descriptor.open(image), at: start, sizeBytes: size)
        return try volume.entries().filter { !$0.isDirectory && isWanted($0.path) }
            .map { ($0.path, try volume.contents(of: $0)) }
    }

    /// A UEFI application (UEFI specification 2.10, 2.1.2) that writes its name to the first serial port and turns the
    /// machine off by QEMU's ACPI register.
    private static func telling(_ name: String) -> [UInt8] {
        let code: [UInt8] = [
            0xFC,  // cld
            0x48, 0x8D, 0x35, 25, 0, 0, 0,  // lea rsi, [text]
            0x66, 0xBA, 0xF8, 0x03,  // mov dx, 0x3F8
            0xAC, 0x84, 0xC0, 0x74, 3, 0xEE, 0xEB, 0xF8,  // next: lodsb; test al, al; jz off; out dx, al; jmp next
            0x66, 0xBA, 0x04, 0x06,  // off: mov dx, 0x604
            0x66, 0xB8, 0x00, 0x20,  // mov ax, 0x2000
            0x66, 0xEF,  // out dx, ax
            0xF4, 0xEB, 0xFD,  // hlt; jmp to it
        ]
        var file = emptyProgram
        func put(_ offset: Int, _ bytes: [UInt8]) { file.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        let optionalHeader = 0x58, section = optionalHeader + 240
        // The file's kind; the entry point; the subsystem: an EFI application; the section's size and rights.
        put(0x56, [0x22, 0])
        put(optionalHeader + 16, [0, 0x10, 0, 0])
        put(optionalHeader + 68, [10, 0])
        put(section + 8, [0, 2, 0, 0])
        put(section + 36, [0x20, 0, 0, 0x60])
        put(0x400, code + Array("<ran \(name)>\n".utf8) + [0])
        return file
    }
}
