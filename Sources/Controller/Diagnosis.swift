internal import BootArtefacts
internal import Disk
internal import Filesystems
internal import Glibc
internal import LinuxSystem
public import SlotMachine
internal import Verifier

/// One thing that safe upgrades of a machine rest on, and whether it holds here.
public struct Diagnosis: Sendable, Equatable {
    /// How it stands.
    public enum State: String, Sendable {
        /// It was seen to work.
        case good
        /// It does not work.
        case bad
        /// Nothing speaks against it, but it was never seen to work here.
        case unproven
    }

    /// One word.
    public var subject: String
    /// How it stands.
    public var state: State
    /// What was found, and what to do if it is not good.
    public var message: String

    init(_ subject: String, _ state: State, _ message: String) {
        self.subject = subject
        self.state = state
        self.message = message
    }

    init(_ subject: String, isGood: Bool, _ good: String, else bad: String) {
        self.init(subject, isGood ? .good : .bad, isGood ? good : bad)
    }
}

// MARK: - Examination

extension RunningMachine {
    private static let variables = "/sys/firmware/efi/efivars"
    private static let loader = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

    /// Looks at all that upgrades rest on; changes nothing.
    public func examine() throws(ControllerError) -> [Diagnosis] {
        let copies = try controller.table.areBothCopiesWhole()
        return [
            Diagnosis(
                "primary table", isGood: copies.primary, "the disk's partitions are found by it alone",
                else: "it is damaged: the next pisces upgrade mends it"),
            Diagnosis(
                "backup table", isGood: copies.backup, "the disk's partitions are found by it alone",
                else: "it is damaged: the next pisces upgrade mends it"),
            try examineEntry(), try examineSpace(), examineDefault(), try examineCounting(), examineWatchdog(),
            examinePanic(),
        ]
    }

    private func examineEntry() throws(ControllerError) -> Diagnosis {
        let good = controller.record.good.generation
        guard let image = Digest(hex: good.candidate.kernelImage) else {
            return Diagnosis(
                "fallback", .unproven, "what the boot entry of generation \(good.number) boots is not known")
        }
        let isThere = try boot.states()[good.number] == .good
        let isWhole = try boot.isWhole(image)
        return Diagnosis(
            "fallback", isGood: isThere && isWhole, "generation \(good.number) has its boot entry and its kernel image",
            else: "generation \(good.number) lacks its \(isThere ? "kernel image, or it is damaged" : "boot entry")")
    }

    private func examineSpace() throws(ControllerError) -> Diagnosis {
        let free = try system { () throws(SystemError) in try boot.volume.freeBytes() }
        // What images are today, twice.
        let needed = 2 * 32 << 20
        return Diagnosis(
            "space", isGood: free >= needed, "\(humanSize(free)) are free on the EFI system partition",
            else: "only \(humanSize(free)) are free on the EFI system partition: remove files that are not Pisces'")
    }

    private func examineDefault() -> Diagnosis {
        let names = ["LoaderEntryDefault", "LoaderEntryOneShot"]
        let set = names.filter { access("\(Self.variables)/\($0)\(Self.loader)", F_OK) == 0 }
        return Diagnosis(
            "default entry", isGood: set.isEmpty, "none is set, so that the boot loader goes by versions and counters",
            else: "\(set.joined(separator: " and ")) overrides counters: a bad generation would be booted for ever; "
                + "bootctl set-default \"\" and bootctl set-oneshot \"\" remove it")
    }

    private func examineCounting() throws(ControllerError) -> Diagnosis {
        let features = try? Descriptor.open("\(Self.variables)/LoaderFeatures\(Self.loader)").readToEnd(limit: 64)
        // Behind the four bytes of attributes; bit 4: systemd.io/BOOT_LOADER_INTERFACE.
        if let features, features.count > 4, features[4] & 1 << 4 == 0 {
            return Diagnosis("counting", .bad, "this boot loader does not count: install a newer systemd-boot")
        }
        if try boot.canary() == .waiting, report.entry == SystemdBoot.canaryIdentifier {
            return Diagnosis(
                "counting", .bad, "the boot loader booted a counted entry without counting: this firmware cannot rename"
            )
        }
        if let proof = proofs.entries().last(where: { $0.event == "counting" }) {
            return Diagnosis("counting", .good, proof.message)
        }
        return Diagnosis(
            "counting", .unproven, "no boot was counted here yet: pisces doctor --prove-counting restarts once to see")
    }

    private func examineWatchdog() -> Diagnosis {
        func read(_ name: String) -> String? {
            guard let bytes = try? Descriptor.open("/sys/class/watchdog/watchdog0/\(name)").readToEnd(limit: 256) else {
                return nil
            }
            return String(decoding: bytes, as: UTF8.self).filter { !$0.isNewline }
        }
        guard let identity = read("identity") else {
            return Diagnosis(
                "watchdog", .bad, "this machine has none that the kernel knows: a hang would not end by itself")
        }
        guard read("state") == "active" else {
            return Diagnosis("watchdog", .bad, "\(identity) is not fed by systemd: RuntimeWatchdogSec= is not set")
        }
        let seconds = read("timeout") ?? "?"
        if let proof = proofs.entries().last(where: { $0.event == "watchdog" }) {
            return Diagnosis("watchdog", .good, "\(identity), \(seconds) s: \(proof.message)")
        }
        return Diagnosis(
            "watchdog", .unproven,
            "\(identity), \(seconds) s, is fed: pisces doctor --prove-watchdog makes systemd hang to see")
    }

    private func examinePanic() -> Diagnosis {
        let bytes = (try? Descriptor.open("/proc/sys/kernel/panic").readToEnd(limit: 64)) ?? []
        let seconds = Int(String(decoding: bytes, as: UTF8.self).filter(\.isNumber)) ?? 0
        return Diagnosis(
            "panic", isGood: seconds > 0, "the kernel restarts \(seconds) s after a panic",
            else: "the kernel stops after a panic for ever: add panic=10 to its command line")
    }

    /// Writes down what this boot has shown to work, and ends proofs that were begun.
    public func takeProofs() throws(ControllerError) {
        let number = report.generation
        let canary = try boot.canary()
        var counted: String?
        if canary == .counted {
            counted = "the boot loader counted an entry that was made for this"
            try boot.removeCanary()
        } else if report.isTrial {
            counted = "the boot loader counted the trial of generation \(number)"
        }
        try system { () throws(SystemError) in
            if let counted, !proofs.entries().contains(where: { $0.event == "counting" && $0.generation == number }) {
                try proofs.append("counting", generation: number, counted)
            }
            if let begun = proofs.entries().last, begun.event == "hanging", begun.message != controller.seen.boot {
                try proofs.append(
                    "watchdog", generation: number, "this machine came back from a hang that was made for this")
            }
        }
    }

    /// Begins to see whether the watchdog works: to be called just before systemd is made to hang.
    public func expectHang() throws(ControllerError) {
        try system { () throws(SystemError) in
            try proofs.append("hanging", generation: report.generation, controller.seen.boot)
        }
    }
}

// MARK: - Slots

extension RunningMachine {
    /// Holds what is in a slot to the manifest that is kept of it.
    /// - Returns: the generation, and all that is wrong; nil if no manifest is kept of what is there.
    public func verify(_ slot: Slot) throws(ControllerError) -> (generation: UInt64, problems: [String])? {
        guard let pair = controller.pairs[slot], pair.root.name.hasPrefix("root-"),
            let number = UInt64(pair.root.name.dropFirst(5)),
            let bytes = try? Descriptor.open("\(Self.directory(of: number))/manifest.json").readToEnd(limit: 1 << 20)
        else { return nil }
        do {
            let manifest = try GenerationManifest(parsing: bytes, file: "the manifest of generation \(number)")
            let disk = try Descriptor.open(report.disk)
            // What is not in the cache is read from the disk.
            _ = posix_fadvise(disk.rawValue, 0, 0, POSIX_FADV_DONTNEED)
            var problems = try VerityTree.faults(
                data: disk, dataOffset: Int(pair.root.startBytes), dataSize: manifest.root.size, hash: disk,
                hashOffset: Int(pair.hashTree.startBytes), rootHash: manifest.rootHash
            ).map { fault in
                let place = fault.tree.map { "hash tree, bytes \($0)" } ?? "root, bytes \(fault.data)"
                return "slot \(slot.rawValue), \(place): not what the root hash vouches for"
            }
            if try !boot.isWhole(manifest.kernelImage.digest) {
                problems.append("the kernel image \(manifest.kernelImage.digest) is missing or damaged")
            }
            return (number, problems)
        } catch {
            return (number, ["slot \(slot.rawValue): \(error)"])
        }
    }
}
