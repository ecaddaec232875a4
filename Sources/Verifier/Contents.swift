internal import Disk
internal import Filesystems
internal import LinuxSystem

extension ImageVerification {
    /// The slot without a generation holds nothing: not even an older one that a rollback could start.
    func checkEmptySlot(_ parts: Parts) -> [Finding] {
        parts.empty.flatMap { partition in
            examine(.emptySlot, partition) { region in
                try checkZero(.emptySlot, region, "partition \(partition.number) is not empty")
            }
        }
    }

    /// The data partition belongs to the machine: only that it is a clean ext4 of the right size is looked at.
    func checkData(_ parts: Parts) -> [Finding] {
        examine(.data, parts.data) { region in
            let superblock = try Ext4Superblock.read(image.descriptor, at: region.start)
            var findings: [Finding] = []
            func require(_ holds: Bool, _ problem: String) {
                let range = region[Ext4Superblock.range].range
                if !holds { findings.append(Finding(.data, image.name, range, "ext4 superblock: \(problem)")) }
            }
            require(superblock.isClean, "it is not clean: was the image booted with --keep?")
            require(
                superblock.sizeBytes == region.size,
                "the file system has \(superblock.sizeBytes) bytes, its partition \(region.size)")
            return findings
        }
    }

    /// What no partition covers is zero, apart from the tables.
    func checkUnused(_ plan: DiskPlan) -> [Finding] {
        let end = min(Int(plan.usableEndBytes), image.size)
        let ordered = plan.partitions.sorted { $0.startBytes < $1.startBytes }
        let starts = [Self.tableBytes] + ordered.map { Int($0.endBytes) }
        let ends = ordered.map { Int($0.startBytes) } + [end]
        return zip(starts, ends).flatMap { start, end in
            start >= min(end, image.size)
                ? []
                : (try? checkZero(
                    .unused, Region(image, start..<min(end, image.size)), "something is outside of the partitions"))
                    ?? [Finding(.unused, image.name, start..<end, "cannot be read")]
        }
    }

    // MARK: - Bytes

    func checkZero(_ check: Check, _ region: Region, _ problem: String) throws -> [Finding] {
        guard let run = try image.descriptor.firstNonzero(in: region.range) else { return [] }
        return [Finding(check, image.name, run, problem)]
    }

    func checkDigest(
        _ check: Check, _ region: Region, _ wanted: GenerationManifest.Artefact
    ) throws -> [Finding] {
        let digest = try SHA256.hash(image.descriptor, in: region.range)
        if region.size == wanted.size, digest == wanted.digest { return [] }
        return [Finding(check, image.name, region.range, "size or digest are not as \(manifest?.file ?? "") has them")]
    }
}
