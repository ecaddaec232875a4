internal import BootArtefacts
internal import Disk
internal import Filesystems
internal import LinuxSystem

extension ImageVerification {
    /// The EFI system partition holds the boot loader that the root ships, its configuration, the generation's boot
    /// entry and kernel image, and nothing else; and every byte of it follows from these.
    func checkSystemPartition(_ parts: Parts, rootHash: Digest?) -> [Finding] {
        examine(.systemPartition, parts.systemPartition) { region in
            let volume = try Volume(image, region)
            guard let wanted = try wantedFiles(volume, parts) else {
                return [volume.missing(SystemPartition.entryPath(parts.generation))]
            }
            let root = readRoot(parts, wanted)
            var findings = wanted.texts.flatMap { volume.compare($0.path, with: Array($0.text.utf8)) }
            findings += checkLoader(volume, wanted, root.loaders)
            findings += volume.checkKernelImage(
                wanted, sizes: manifest.map { $0.kernelImage.size...$0.kernelImage.size } ?? 0...Int.max,
                rootHash: rootHash)
            let known = Set(wanted.texts.map(\.path) + wanted.loaderPaths + [wanted.kernelImagePath])
            findings += volume.strangers(beside: known)
            guard let epoch = manifest?.epoch ?? root.epoch else { return findings }
            let id = parts.systemPartition.guid.bytes.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return try findings + volume.checkFormat(volumeID: id, epoch: epoch)
        }
    }

    /// What must be there: by the manifest; without one, by the generation's entry. nil if there is none.
    private func wantedFiles(_ volume: Volume, _ parts: Parts) throws -> SystemPartition? {
        let entry: LoaderEntry
        if let manifest {
            let title = SystemPartition.title(manifest.name, generation: manifest.generation)
            entry = try LoaderEntry(
                generation: manifest.generation, title: title, image: manifest.kernelImage.digest)
        } else {
            guard let bytes = volume.contents[SystemPartition.entryPath(parts.generation)] else { return nil }
            entry = try LoaderEntry(parsing: String(decoding: bytes, as: UTF8.self))
        }
        return SystemPartition(architecture: parts.architecture, entry: entry)
    }

    /// What the root says of the EFI system partition: the boot loaders it ships, and the time of all files; nil where
    /// it cannot be read, of which the check of the root says more.
    private func readRoot(_ parts: Parts, _ wanted: SystemPartition) -> (loaders: [[UInt8]]?, epoch: Int64?) {
        guard let root = try? ErofsReader.open(image.descriptor, at: Int(parts.root.startBytes)) else {
            return (nil, nil)
        }
        let path = "/usr/lib/systemd/boot/efi/\(wanted.loaderName)"
        var loaders: [[UInt8]] = []
        for name in [path, "\(path).signed"] {
            do throws(FilesystemError) {
                loaders.append(try root.contents(of: name, limit: 64 << 20))
            } catch .tree {
                // There is no such file.
            } catch {
                return (nil, root.epoch)
            }
        }
        return (loaders, root.epoch)
    }

    /// Both copies of the boot loader are the one that the root has, which its hash tree vouches for, as it is or signed.
    private func checkLoader(_ volume: Volume, _ wanted: SystemPartition, _ shipped: [[UInt8]]?) -> [Finding] {
        if let shipped, shipped.isEmpty {
            let problem = "the root file system has no \(wanted.loaderName) to compare the boot loader with"
            return [Finding(.systemPartition, image.name, nil, problem)]
        }
        let copies = wanted.loaderPaths.compactMap { volume.contents[$0] }
        let digests = shipped?.compactMap { try? Authenticode.digest(of: $0, named: wanted.loaderName) } ?? []
        let good = copies.first { copy in
            if shipped?.contains(copy) == true { return true }
            guard let digest = try? Authenticode.digest(of: copy, named: wanted.loaderName) else { return false }
            return digests.contains(digest)
        }
        let loader = good ?? shipped?.first ?? copies.first ?? []
        return wanted.loaderPaths.flatMap { volume.compare($0, with: loader) }
    }
}

/// The files of an EFI system partition, all read.
private struct Volume {
    let medium: Medium
    let region: Region
    let entries: [Fat32Reader.Entry]
    let contents: [String: [UInt8]]

    init(_ medium: Medium, _ region: Region) throws {
        self.medium = medium
        self.region = region
        let reader = try Fat32Reader.open(medium.descriptor, at: region.start, sizeBytes: region.size)
        entries = try reader.entries()
        var contents: [String: [UInt8]] = [:]
        for entry in entries where !entry.isDirectory { contents[entry.path] = try reader.contents(of: entry) }
        self.contents = contents
    }

    private func entry(_ path: String) -> Fat32Reader.Entry? { entries.first { $0.path == path } }

    private func finding(_ range: Range<Int>?, _ path: String, _ problem: String) -> Finding {
        Finding(.systemPartition, medium.name, range.map { region[$0].range }, path: path, problem)
    }

    func missing(_ path: String) -> Finding { finding(nil, path, "the file is missing") }

    /// Where a run of a file's content is, as far as it is in one piece.
    private func place(_ run: Range<Int>, of entry: Fat32Reader.Entry) -> Range<Int> {
        var start = 0
        for extent in entry.extents {
            if run.lowerBound < start + extent.count {
                let lower = extent.lowerBound + run.lowerBound - start
                return lower..<min(extent.upperBound, lower + run.count)
            }
            start += extent.count
        }
        return entry.slot
    }

    /// Holds a file to what must be in it.
    func compare(_ path: String, with wanted: [UInt8]) -> [Finding] {
        guard let entry = entry(path), let seen = contents[path] else { return [missing(path)] }
        if seen == wanted { return [] }
        let common = min(seen.count, wanted.count)
        if let run = ImageVerification.firstDifference(seen[..<common], wanted[..<common]) {
            return [finding(place(run, of: entry), path, "the content is not what it must be")]
        }
        return [finding(entry.slot, path, "it has \(seen.count) bytes instead of \(wanted.count)")]
    }

    /// The kernel image is the one that its name says, and boots this root and no other.
    func checkKernelImage(_ wanted: SystemPartition, sizes: ClosedRange<Int>, rootHash: Digest?) -> [Finding] {
        let path = wanted.kernelImagePath
        guard let entry = entry(path), let image = contents[path] else { return [missing(path)] }
        let whole = place(0..<max(1, entry.size), of: entry)
        guard sizes.contains(image.count), SHA256.hash(image) == wanted.entry.image else {
            return [finding(whole, path, "size or digest of the kernel image are not what they must be")]
        }
        let sections = (try? UnifiedKernelImage.sections(of: image)) ?? []
        let commandLine = String(decoding: sections.first { $0.name == ".cmdline" }?.content ?? [], as: UTF8.self)
        let hashes = commandLine.split(whereSeparator: { " \n\0".contains($0) }).filter { $0.hasPrefix("roothash=") }
        if let rootHash, hashes.map({ Digest(hex: $0.dropFirst(9)) }) == [rootHash] { return [] }
        return [finding(whole, path, "the command line does not name the root hash: \(commandLine)")]
    }

    /// Files and directories that have no place here.
    func strangers(beside known: Set<String>) -> [Finding] {
        entries.filter { entry in
            entry.path != "/" && !known.contains(entry.path)
                && !(entry.isDirectory && known.contains { $0.hasPrefix(entry.path + "/") })
        }
        .map { finding($0.slot, $0.path, "nothing may be here") }
    }

    /// All other bytes: tables, names, times, what is behind the ends of files and in free clusters.
    func checkFormat(volumeID: UInt32, epoch: Int64) throws -> [Finding] {
        var tree = FileTree()
        for entry in entries {
            tree[entry.path] =
                entry.isDirectory
                ? .directory(modified: epoch) : .file(contents[entry.path] ?? [], modified: epoch)
        }
        return try Fat32Writer.differences(
            tree, in: medium.descriptor, at: region.start, sizeBytes: region.size, label: SystemPartition.label,
            volumeID: volumeID, epoch: epoch
        ).map {
            Finding(.systemPartition, medium.name, region[$0].range, "these bytes of the FAT32 are not as written")
        }
    }
}
