internal import Disk
internal import Glibc
internal import LinuxSystem
internal import SlotMachine
internal import Verifier

/// The machine that this process runs on: its boot, its disk and its EFI system partition, and the controller over them.
///
/// While it is open for changes no other process can open it so. The EFI system partition is checked, and mounted
/// where only this process sees it: in between nothing of it is in a cache that a power cut would lose.
public struct RunningMachine: ~Copyable {
    /// What the initrd says of this boot.
    public let report: BootReport
    /// Decides and does.
    public var controller: Controller
    /// Its boot loader.
    public let boot: SystemdBoot
    /// What happened, for people.
    public let events: EventLog
    /// What this machine has shown to work.
    public let proofs: EventLog
    /// Keeps other processes away.
    private let lock: Descriptor?
    /// Keeps the file system from those who would change how it is mounted; nil once that is done.
    private let gate: Descriptor?

    /// What is to be done with the machine.
    public enum Access: Sendable {
        /// To look, also while another process changes it: nothing is changed.
        case reading
        /// To change: one process at a time.
        case changing
    }

    /// Where the initrd says what it booted.
    public static let reportPath = "/run/pisces/boot"
    /// All that Pisces keeps on the data partition.
    public static let state = "/var/lib/pisces"
    private static let controllerState = "\(state)/controller"

    /// Opens this machine.
    /// - Parameter waitSeconds: how long a process that changes the machine is waited for.
    /// - Throws: ``ControllerError``, also if this is no machine that Pisces constructed, or another process changes it.
    public static func open(_ access: Access, waitSeconds: Int = 0) throws(ControllerError) -> RunningMachine {
        let report = try BootReport(parsing: try text(reportPath))
        guard let partition = report.systemPartition else {
            throw ControllerError(.device, report.disk, "it has no EFI system partition")
        }
        let lock = access == .changing ? try takeLock(waitSeconds: waitSeconds) : nil
        let gate = try enterGate(access)
        if access == .changing {
            try system { () throws(SystemError) in try makeDirectories(controllerState) }
            if partition.hasPrefix("/dev/") { try checkFilesystem(of: partition) }
        }
        let bootID = try text("/proc/sys/kernel/random/boot_id")
        let boot = SystemdBoot(try mount(partition, access))
        let controller = try Controller(
            disk: try system { () throws(SystemError) in try DescriptorDevice(path: report.disk) },
            boot: boot, state: try controllerDirectory(),
            seen: report.observation(
                boot: bootID, isFirmwareBoot: try isFirmwareBoot(),
                candidate: candidate(of: report.generation)))
        return RunningMachine(
            report: report, controller: controller, boot: boot, lock: lock,
            gate: access == .reading ? consume gate : nil)
    }

    private init(
        report: BootReport, controller: Controller, boot: SystemdBoot, lock: consuming Descriptor?,
        gate: consuming Descriptor?
    ) {
        self.report = report
        self.controller = controller
        self.boot = boot
        events = EventLog(path: "\(Self.controllerState)/events")
        proofs = EventLog(path: "\(Self.controllerState)/proofs")
        self.lock = lock
        self.gate = gate
    }

    /// Debian's name of this machine's architecture.
    public static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }

    /// Refuses to begin what the data partition has no room for: the record, a manifest, and the changes of `/etc`.
    public func checkSpace() throws(ControllerError) {
        let needed = 16 << 20
        let free = try system { () throws(SystemError) in try DirectoryVolume(path: Self.state).freeBytes() }
        guard free >= needed else {
            throw ControllerError(
                .space, Self.state,
                "\(humanSize(free)) are free, and \(humanSize(needed)) are needed: remove files below /var")
        }
    }

    /// A directory of a generation's own on the data partition.
    public static func directory(of generation: UInt64) -> String { "\(state)/generations/\(generation)" }

    private static func text(_ path: String) throws(ControllerError) -> String {
        do throws(SystemError) {
            return String(decoding: try Descriptor.open(path).readToEnd(limit: 64 << 10), as: UTF8.self)
        } catch  where error.isNotFound && path == reportPath {
            throw ControllerError(
                .device, path, "there is none: this system was not booted from an image that Pisces constructed")
        } catch {
            throw ControllerError(.device, path, "\(error)")
        }
    }

    /// The record's directory; one that was never made is empty.
    private static func controllerDirectory() throws(ControllerError) -> DirectoryVolume {
        do throws(SystemError) { return try DirectoryVolume(path: controllerState) } catch  where error.isNotFound {
            return try system { () throws(SystemError) in try DirectoryVolume(path: state) }
        } catch {
            throw ControllerError(.device, controllerState, "\(error)")
        }
    }

    static func takeLock(_ path: String = "/run/pisces/lock", waitSeconds: Int = 0) throws(ControllerError)
        -> Descriptor
    {
        guard let lock = try lock(path, LOCK_EX, waitSeconds: waitSeconds) else {
            throw ControllerError(.busy, path, "another pisces changes this machine: wait until it is done")
        }
        return lock
    }

    /// Waits until the system partition may be mounted as asked.
    ///
    /// A device has one file system, which is read-only or not. Whoever looks therefore passes together with others and
    /// stays; whoever changes passes when nobody looks, checks, mounts, and lets others share what is mounted then.
    private static func enterGate(_ access: Access) throws(ControllerError) -> Descriptor {
        let path = "/run/pisces/gate"
        // Those who look are soon done, but for `pisces verify`, which reads both slots.
        guard let gate = try lock(path, access == .reading ? LOCK_SH : LOCK_EX, waitSeconds: 300) else {
            throw ControllerError(.busy, path, "another pisces looks at this machine: wait until it is done, or end it")
        }
        return gate
    }

    /// Takes a lock (flock(2)); nil if others still have it after so long.
    private static func lock(_ path: String, _ kind: Int32, waitSeconds: Int) throws(ControllerError) -> Descriptor? {
        let file = try system { () throws(SystemError) in
            try Descriptor.open(path, O_RDWR | O_CREAT, mode: 0o600)
        }
        // flock(2) itself has no time-out.
        for attempt in 0...(waitSeconds * 20) {
            if attempt > 0 { usleep(50_000) }
            if flock(file.rawValue, kind | LOCK_NB) == 0 { return file }
        }
        return nil
    }

    /// Mends what a power cut left of the file system, unless somebody has it mounted: the kernel has mended it then.
    private static func checkFilesystem(of partition: String) throws(ControllerError) {
        let mounted = try text("/proc/self/mounts").split(separator: "\n").contains { $0.hasPrefix("\(partition) ") }
        if mounted { return }
        do throws(CommandError) {
            // 1: there were errors, and they are mended (fsck.fat(8)).
            try Command("fsck.fat", ["-a", "-w", partition], package: "dosfstools").run(accepting: 0...1)
        } catch {
            throw ControllerError(.device, partition, "its file system cannot be mended: \(error)")
        }
    }

    private static func mount(_ partition: String, _ access: Access) throws(ControllerError) -> DirectoryVolume {
        guard partition.hasPrefix("/dev/") else {
            return try system { () throws(SystemError) in try DirectoryVolume(path: partition) }
        }
        let open = { (isReadOnly: Bool) throws(SystemError) in
            try Descriptor.filesystem("vfat", on: partition, isReadOnly: isReadOnly)
        }
        do throws(SystemError) {
            return DirectoryVolume(adopting: try open(access == .reading))
        } catch  where error.code == EBUSY && access == .reading {
            // Somebody has it mounted for writing, and a device has one file system only.
            return try system { () throws(SystemError) in DirectoryVolume(adopting: try open(false)) }
        } catch {
            throw ControllerError(.device, partition, "the EFI system partition cannot be mounted: \(error)")
        }
    }

    /// Whether no kexec came before this kernel: systemd counts them.
    private static func isFirmwareBoot() throws(ControllerError) -> Bool {
        do throws(CommandError) {
            let result = try Command("systemctl", ["show", "--property=KExecsCount", "--value"]).run()
            return ["", "0"].contains(result.text.filter { !$0.isNewline })
        } catch {
            throw ControllerError(.device, "systemd", "\(error)")
        }
    }
}

// MARK: - Generations' own files

extension RunningMachine {
    /// What the manifest says that is kept of a generation, also of the one that the machine was constructed with; nil if
    /// there is none. Only for machines whose record does not know.
    private static func candidate(of generation: UInt64) -> Candidate? {
        let path = "\(directory(of: generation))/manifest.json"
        guard let bytes = try? Descriptor.open(path).readToEnd(limit: 1 << 20),
            let manifest = try? GenerationManifest(parsing: bytes, file: path)
        else { return nil }
        // The one that came with the image tells no release, so that the image does not depend on it.
        return Candidate(
            name: manifest.name, release: manifest.release, kernelImage: manifest.kernelImage.digest.hex,
            data: DataSchema(version: manifest.dataSchema.version, floor: manifest.dataSchema.floor))
    }

    /// Keeps what is known of a generation: ``verify(_:)`` holds its slot to it.
    public static func keep(manifest: [UInt8], of generation: UInt64) throws(ControllerError) {
        try system { () throws(SystemError) in
            try makeDirectories(directory(of: generation))
            try AtomicFile.write(manifest, to: "\(directory(of: generation))/manifest.json")
        }
    }

    /// Removes what belongs to generations that are neither running nor in a slot.
    public func removeForgotten() throws(ControllerError) {
        let record = controller.record
        let known = [record.good.generation, record.previous, record.target].compactMap { $0?.number }
        let kept = Set(known + [report.generation] + record.failures.suffix(1).map(\.generation.number))
        try system { () throws(SystemError) in
            let all = "\(Self.state)/generations"
            for name in try Descriptor.directory(all).entries() {
                if let number = UInt64(name), !kept.contains(number) { try removeTree("\(all)/\(name)") }
            }
        }
    }
}

// MARK: - Flip

extension RunningMachine {
    /// Lets the next start boot what is staged, with what was changed in this generation's `/etc`.
    /// - Returns: what is to be told, and the files below `/etc` that both generations have changed.
    public mutating func flip(tries: Int) throws(ControllerError) -> (notices: [Controller.Notice], conflicts: [String])
    {
        var conflicts: [String] = []
        let record = controller.record
        if record.phase == .staged, let target = record.target, controller.seen.booted == record.good {
            conflicts = try EtcLayer.carry(
                from: Self.directory(of: report.generation),
                oldRoot: try system { () throws(SystemError) in try Descriptor.bareDirectory("/") },
                to: Self.directory(of: target.number), newRoot: try mountRoot(of: record.good.slot.other))
        }
        return (try controller.flip(tries: tries), conflicts)
    }

    /// The root file system of a slot that is not running.
    private func mountRoot(of slot: Slot) throws(ControllerError) -> Descriptor {
        let stem = report.root.reversed().drop { $0.isNumber }.reversed()
        let partition = "\(String(stem))\(controller.pairs[slot]?.root.number ?? 0)"
        var failure: SystemError?
        for type in ["erofs", "squashfs", "ext4"] {
            do throws(SystemError) {
                return try Descriptor.filesystem(type, on: partition, isReadOnly: true)
            } catch {
                failure = failure ?? error
            }
        }
        let reason = failure.map { "\($0)" } ?? "no file system is known"
        throw ControllerError(.device, partition, "the new root cannot be mounted: \(reason)")
    }
}
