internal import BootArtefacts
public import LinuxSystem
public import SlotMachine

/// systemd-boot with boot counting, over a mounted EFI system partition.
///
/// Each generation has a small entry `pisces-7+3.conf`, on which the boot loader counts; its kernel image is named by
/// digest, stored once, never renamed and never overwritten. An entry comes into being by the write of one sector into a
/// file that was durable before: until then the boot loader sees comments only and passes it over. No power cut leaves
/// half an entry, none at all where one was, or one before what it boots. An entry goes the same way back.
public struct SystemdBoot: BootBackend {
    let volume: any FileVolume

    static let entries = "loader/entries"
    static let images = "EFI/pisces"
    /// Bytes of an entry: one sector, which disks write whole.
    static let entryBytes = 512

    /// Takes the root of the EFI system partition.
    public init(_ volume: any FileVolume) { self.volume = volume }

    /// An entry of ours: by its name, whatever is in it.
    private struct Entry {
        var name: LoaderEntryName
        var bytes: [UInt8]
        var path: String { "\(SystemdBoot.entries)/\(name)" }
        /// Whether the boot loader sees it.
        var isActive: Bool { MenuEntry(fileName: "\(name)", bytes: bytes) != nil }
    }

    private func ours() throws(ControllerError) -> [Entry] {
        var found: [Entry] = []
        for file in try system({ () throws(SystemError) in try volume.names(in: Self.entries) }) {
            guard let name = LoaderEntryName(file), "\(name)" == file else { continue }
            let bytes = try system { () throws(SystemError) in
                try volume.contents(of: "\(Self.entries)/\(file)", limit: 4096)
            }
            found.append(Entry(name: name, bytes: bytes ?? []))
        }
        return found
    }
}

// MARK: - Entries

extension SystemdBoot {
    /// See ``BootBackend/states()``.
    public func states() throws(ControllerError) -> [UInt64: EntryState] {
        let active = try ours().filter(\.isActive)
        return Dictionary(grouping: active, by: \.name.generation).mapValues { entries in
            let tries = entries.compactMap(\.name.tries)
            if tries.count < entries.count { return tries.isEmpty ? .good : .blessing }
            let left = tries.map(\.left).max() ?? 0
            return left > 0 ? .counting(left: left) : .bad
        }
    }

    /// See ``BootBackend/primary()``.
    public func primary() throws(ControllerError) -> UInt64? {
        BootMenu.sorted(try menu()).first.flatMap { LoaderEntryName($0.fileName)?.generation }
    }

    /// All that the boot loader sees, also what is not ours.
    private func menu() throws(ControllerError) -> [MenuEntry] {
        var menu: [MenuEntry] = []
        for file in try system({ () throws(SystemError) in try volume.names(in: Self.entries) }) {
            let bytes = try system { () throws(SystemError) in
                try volume.contents(of: "\(Self.entries)/\(file)", limit: 64 << 10)
            }
            if let entry = MenuEntry(fileName: file, bytes: bytes ?? []) { menu.append(entry) }
        }
        return menu
    }

    /// See ``BootBackend/setPrimary(_:tries:)``.
    public func setPrimary(_ generation: Generation, tries: Int) throws(ControllerError) {
        if try states()[generation.number] != nil { return }
        guard let image = Digest(hex: generation.candidate.kernelImage) else {
            throw ControllerError(.source, generation.candidate.name, "its kernel image has no digest")
        }
        let text: String
        do throws(BootArtefactError) {
            let title = SystemPartition.title(generation.candidate.name, generation: generation.number)
            text = try LoaderEntry(generation: generation.number, title: title, image: image).text
        } catch {
            throw ControllerError(.source, generation.candidate.name, "\(error)")
        }
        let name = LoaderEntryName(generation: generation.number, tries: BootTries(left: tries))
        try put(Array(text.utf8), as: "\(name)")
    }

    /// See ``BootBackend/setGood(_:)``.
    public func setGood(_ number: UInt64) throws(ControllerError) {
        let entries = try ours().filter { $0.name.generation == number }
        let counted = entries.filter { $0.name.tries != nil }
        if !entries.contains(where: { $0.name.tries == nil && $0.isActive }) {
            guard let active = counted.first(where: \.isActive) else {
                throw ControllerError(
                    .device, "\(volume.name)/\(Self.entries)", "there is no entry of generation \(number) to make good")
            }
            let text = active.bytes.prefix { $0 != 0 }
            try put(Array(text), as: "\(LoaderEntryName(generation: number))")
        }
        // Never before the other is durable.
        try remove(counted.map { ($0.path, $0.bytes.count) })
    }

    /// See ``BootBackend/retire(_:)``.
    public func retire(_ numbers: (UInt64) -> Bool) throws(ControllerError) {
        try remove(try ours().filter { numbers($0.name.generation) }.map { ($0.path, $0.bytes.count) })
    }

    /// Removes entries, each a comment first: its clusters may become those of a new entry, which must not show what was
    /// in them before.
    private func remove(_ entries: [(path: String, sizeBytes: Int)]) throws(ControllerError) {
        if entries.isEmpty { return }
        try system { () throws(SystemError) in
            for entry in entries where entry.sizeBytes > 0 {
                try volume.write(Self.comment(entry.sizeBytes), to: entry.path, at: 0)
                try volume.flush(entry.path)
            }
            for entry in entries { try volume.remove(entry.path) }
            try volume.flushDirectory(Self.entries)
        }
    }

    /// Bytes that the boot loader passes over.
    private static func comment(_ count: Int) -> [UInt8] {
        [UInt8(ascii: "#")] + [UInt8](repeating: UInt8(ascii: "\n"), count: count - 1)
    }

    /// Makes an entry: a sector of comments first, which the boot loader passes over, then the entry in its place.
    private func put(_ text: [UInt8], as name: String) throws(ControllerError) {
        let path = "\(Self.entries)/\(name)"
        let lines = Array(text.reversed().drop { $0 == UInt8(ascii: "\n") }.reversed())
        guard lines.count < Self.entryBytes else {
            throw ControllerError(
                .space, "\(volume.name)/\(path)",
                "the entry has \(lines.count) bytes, and \(Self.entryBytes - 1) are the most: shorten the system's name"
            )
        }
        let blank = { (count: Int) in [UInt8](repeating: UInt8(ascii: "\n"), count: count) }
        try system { () throws(SystemError) in
            try volume.write(Self.comment(Self.entryBytes), to: path, at: 0)
            try volume.flush(path)
            try volume.flushDirectory(Self.entries)
            try volume.write(lines + blank(Self.entryBytes - lines.count), to: path, at: 0)
            try volume.flush(path)
        }
        let seen = try system { () throws(SystemError) in try volume.contents(of: path, limit: 4096) }
        guard seen == lines + blank(Self.entryBytes - lines.count) else {
            throw ControllerError(.readBack, "\(volume.name)/\(path)", "the boot entry reads back differently")
        }
    }
}

// MARK: - Proof of counting

extension SystemdBoot {
    /// Whether the boot loader counts, as an entry shows that was made for this alone.
    public enum Canary: Sendable, Hashable {
        /// There is no such entry.
        case none
        /// It has not been booted yet.
        case waiting
        /// It was booted, and counted.
        case counted
    }

    private static let canary = "pisces-canary"

    /// The identifier of the entry, as the boot loader tells what it booted.
    static let canaryIdentifier = "\(canary).conf"

    private func canaries() throws(ControllerError) -> [MenuEntry] {
        try menu().filter { $0.identifier == Self.canaryIdentifier }
    }

    /// How the entry stands.
    public func canary() throws(ControllerError) -> Canary {
        let tries = try canaries().compactMap(\.tries)
        if tries.isEmpty { return .none }
        return tries.contains { $0.done > 0 } ? .counted : .waiting
    }

    /// Makes an entry with one try that boots what a generation's boots, before it, and before no later generation's.
    public func putCanary(like number: UInt64) throws(ControllerError) {
        let entry = try menu().first { LoaderEntryName($0.fileName)?.generation == number }
        guard let entry else {
            throw ControllerError(.device, volume.name, "there is no boot entry of generation \(number)")
        }
        let text = "title Proof of boot counting\nversion \(number).1\nsort-key pisces\nlinux \(entry.linux)\n"
        try put(Array(text.utf8), as: "\(Self.canary)+1.conf")
    }

    /// Removes the entry.
    public func removeCanary() throws(ControllerError) {
        var entries: [(path: String, sizeBytes: Int)] = []
        for file in try system({ () throws(SystemError) in try volume.names(in: Self.entries) })
        where file.hasPrefix("\(Self.canary)+") {
            let path = "\(Self.entries)/\(file)"
            entries.append((path, try system { () throws(SystemError) in try volume.size(of: path) } ?? 0))
        }
        try remove(entries)
    }
}

// MARK: - Kernel images

extension SystemdBoot {
    private static func path(of image: Digest) -> String { String(LoaderEntry.imagePath(image).dropFirst()) }

    /// Whether a kernel image is on the EFI system partition, whole.
    func isWhole(_ image: Digest) throws(ControllerError) -> Bool {
        try system { () throws(SystemError) in try volume.digest(of: Self.path(of: image)) } == image
    }

    /// See ``BootBackend/checkSpace(for:sizeBytes:)``.
    public func checkSpace(for image: Digest, sizeBytes: Int) throws(ControllerError) {
        if try isWhole(image) { return }
        let free = try system { () throws(SystemError) in try volume.freeBytes() }
        let (needed, isTooMuch) = sizeBytes.multipliedReportingOverflow(by: 2)
        guard !isTooMuch, sizeBytes >= 0, free >= needed else {
            throw ControllerError(
                .space, volume.name,
                "\(humanSize(free)) are free, but twice the kernel image's \(humanSize(sizeBytes)) are needed: "
                    + "remove files that are not Pisces'")
        }
    }

    /// See ``BootBackend/store(_:sizeBytes:read:)``.
    public func store(
        _ image: Digest, sizeBytes: Int, read: (Int, Int) throws(ControllerError) -> [UInt8]
    ) throws(ControllerError) {
        if try isWhole(image) { return }
        let path = Self.path(of: image)
        if try system({ () throws(SystemError) in try volume.size(of: path) }) != nil {
            // What a power cut left; no entry names it.
            try system { () throws(SystemError) in try volume.remove(path) }
        }
        try system { () throws(SystemError) in try volume.makeDirectory(Self.images) }
        var offset = 0
        while offset < sizeBytes {
            let chunk = try read(offset, min(chunkBytes, sizeBytes - offset))
            try system { () throws(SystemError) in try volume.write(chunk, to: path, at: offset) }
            offset += chunk.count
        }
        try system { () throws(SystemError) in
            try volume.flush(path)
            try volume.flushDirectory(Self.images)
            try volume.flushDirectory("EFI")
        }
        guard try isWhole(image) else {
            throw ControllerError(.readBack, "\(volume.name)/\(path)", "the kernel image reads back differently")
        }
    }

    /// See ``BootBackend/removeUnusedImages()``.
    public func removeUnusedImages() throws(ControllerError) {
        let used = Set(try menu().map { $0.linux.drop { $0 == "/" } })
        try system { () throws(SystemError) in
            var isChanged = false
            for file in try volume.names(in: Self.images) where Digest(hex: file.dropLast(4)) != nil {
                if used.contains("\(Self.images)/\(file)") { continue }
                try volume.remove("\(Self.images)/\(file)")
                isChanged = true
            }
            if isChanged { try volume.flushDirectory(Self.images) }
        }
    }
}
