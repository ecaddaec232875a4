import Controller
import Glibc
import LinuxSystem
import SlotMachine

/// A machine that runs: its storage, all changes to which are logged, and what booted.
final class Host {
    let log = Log()
    let systems: TestSystems
    private let device: RecordingDevice
    private let esp: RecordingVolume
    private let state: RecordingVolume
    private let snapshot: () throws -> Machine
    private let rename: (String, String) throws -> Void
    private let name: String
    private var bootCount = 0

    /// In memory.
    init(_ machine: Machine, _ systems: TestSystems, name: String) {
        let disk = MemoryDevice(machine.disk)
        let (efi, own) = (MemoryVolume("efi", machine.esp), MemoryVolume("state", machine.state))
        device = RecordingDevice(disk, log)
        esp = RecordingVolume(efi, .esp, log)
        state = RecordingVolume(own, .state, log)
        snapshot = { Machine(disk: disk.image, esp: efi.files, state: own.files) }
        rename = { efi.files[$1] = efi.files.removeValue(forKey: $0) }
        self.systems = systems
        self.name = name
    }

    /// On files below a directory, by the real descriptors.
    init(_ machine: Machine, _ systems: TestSystems, directory: String) throws {
        let (disk, efi, own) = ("\(directory)/disk.img", "\(directory)/efi", "\(directory)/state")
        try machine.disk.save(to: disk)
        for (root, files) in [(efi, machine.esp), (own, machine.state)] {
            try makeDirectories(root)
            for (path, bytes) in files {
                try makeDirectories(parentDirectory(of: "\(root)/\(path)"))
                try AtomicFile.write(bytes, to: "\(root)/\(path)")
            }
        }
        device = RecordingDevice(try DescriptorDevice(path: disk), log)
        esp = RecordingVolume(try DirectoryVolume(path: efi), .esp, log)
        state = RecordingVolume(try DirectoryVolume(path: own), .state, log)
        snapshot = {
            Machine(
                disk: try DiskImage(path: disk), esp: try VolumeImage(directory: efi),
                state: try VolumeImage(directory: own))
        }
        rename = { try Descriptor.directory(efi).rename($0, to: $1) }
        self.systems = systems
        name = "recorded"
    }

    /// What would be found if it were switched off now, all caches written.
    func machine() throws -> Machine { try snapshot() }

    /// Switches it off and on.
    func powerOn() throws -> PowerOn.Boot {
        var machine = try snapshot()
        var renamed: (String, String)?
        let boot = try PowerOn.boot(&machine, systems) { renamed = ($0, $1) }
        if let renamed {
            try rename(renamed.0, renamed.1)
            log.operations.append(.loaderRename(from: renamed.0, to: renamed.1))
            log.operations.append(.flushDirectory(.esp, path: "loader/entries"))
        }
        bootCount += 1
        return boot
    }

    /// A process of the controller in the running system.
    func controller(in boot: PowerOn.Boot) throws -> Controller {
        let unknown = Candidate(name: "", release: 0, kernelImage: "")
        let generation = Generation(number: boot.generation, unknown)
        return try Controller(
            disk: device, boot: SystemdBoot(esp), state: state,
            seen: Observation(
                booted: Installation(generation, in: boot.slot), entries: [:], boot: "\(name)-\(bootCount)"),
            flushBytes: 12 << 10)
    }
}
