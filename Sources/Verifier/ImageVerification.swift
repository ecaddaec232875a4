internal import Disk
internal import Filesystems
public import LinuxSystem

/// Proves that a disk image is what its manifest says, or without one, that it does not contradict itself; reads only.
///
/// The image is not booted or mounted, and nothing in it is trusted: all that is found wrong is named by its bytes.
/// What the partition of `/var` holds is the machine's own, so that only its superblock is looked at.
public struct ImageVerification: Sendable {
    let image: Medium
    let manifest: GenerationManifest?

    /// Names the image and what it must be; nil: what follows from the root hash in its own partition table.
    public init(_ image: Medium, manifest: GenerationManifest?) {
        self.image = image
        self.manifest = manifest
    }

    /// What a verification has found.
    public struct Verdict: Sendable, Equatable {
        /// What was looked at: nothing behind a partition table that cannot be read.
        public var checks: [Check]
        /// All that is wrong, in the order of the checks; of a great many the first.
        public var findings: [Finding]
        /// The root hash that vouches for the generation; nil if it could not be told.
        public var rootHash: Digest?
    }

    /// The most findings of one check.
    static let limit = 16

    /// Runs all checks, several at a time.
    public func run() throws -> Verdict {
        var checks: [Check] = manifest == nil ? [.table] : [.manifest, .table]
        var findings: [Finding] = checkManifest()
        let table = checkTable()
        findings += table.findings
        guard let plan = table.plan else { return Verdict(checks: checks, findings: findings) }
        let parts: Parts
        do throws(VerificationError) { parts = try Parts(plan) } catch {
            findings.append(Finding(.table, manifest?.file ?? image.name, nil, "\(error)"))
            return Verdict(checks: checks, findings: findings)
        }
        let rootHash = manifest?.rootHash ?? parts.rootHash
        // The longest first.
        let jobs: [@Sendable () -> [Finding]] = [
            { checkRootDigest(parts) },
            { checkRootAndTree(parts, rootHash: rootHash) },
            { checkSystemPartition(parts, rootHash: rootHash) },
            { checkEmptySlot(parts) },
            { checkData(parts) },
            { checkUnused(plan) },
        ]
        var found = try parallelMap(count: jobs.count) { jobs[$0]() }
        // A changed block changes the digest too, and says more.
        if found[1].contains(where: { $0.check == .root }) { found[0] = [] }
        let later = found.joined()
        checks += [.systemPartition, .root, .hashTree, .emptySlot, .data, .unused]
        for check in checks { findings += later.filter { $0.check == check }.prefix(Self.limit) }
        return Verdict(checks: checks, findings: findings, rootHash: rootHash)
    }

    private func checkManifest() -> [Finding] {
        guard let manifest, let parts = try? Parts(manifest.table) else { return [] }
        func finding(_ problem: String) -> Finding { Finding(.manifest, manifest.file, nil, problem) }
        var findings: [Finding] = []
        if parts.rootHash != manifest.rootHash {
            findings.append(
                finding(
                    "the UUIDs of partitions \(parts.root.number) and \(parts.hashTree.number) are not the halves of "
                        + "the root hash \(manifest.rootHash)"))
        }
        if parts.generation != manifest.generation {
            findings.append(finding("the partitions are of generation \(parts.generation), not \(manifest.generation)"))
        }
        if parts.architecture != manifest.architecture {
            findings.append(finding("the partitions are for \(parts.architecture), not \(manifest.architecture)"))
        }
        return findings
    }

    /// Runs a check of a partition; what it cannot read is a finding too.
    func examine(_ check: Check, _ partition: PlannedPartition, _ body: (Region) throws -> [Finding]) -> [Finding] {
        let region = Region(image, Int(partition.startBytes)..<Int(partition.endBytes))
        let present = min(max(image.size, region.start), region.range.upperBound)
        guard present == region.range.upperBound else {
            return [
                Finding(
                    check, image.name, present..<region.range.upperBound,
                    "the image ends before partition \(partition.number) \"\(partition.name)\" does")
            ]
        }
        do {
            return try body(region)
        } catch FilesystemError.damage(_, let range, let problem) {
            return [Finding(check, image.name, region[range].range, problem)]
        } catch FilesystemError.image(_, let problem) {
            return [Finding(check, image.name, region.range, problem)]
        } catch {
            return [Finding(check, image.name, region.range, "\(error)")]
        }
    }
}

/// The partitions of a disk by what they are for.
struct Parts: Sendable {
    let systemPartition: PlannedPartition
    let root: PlannedPartition
    let hashTree: PlannedPartition
    /// Those of the slot that holds no generation.
    let empty: [PlannedPartition]
    let data: PlannedPartition
    let generation: UInt64
    /// Debian's name.
    let architecture: String

    init(_ plan: DiskPlan) throws(VerificationError) {
        func one(_ what: String, _ fits: (PlannedPartition) -> Bool) throws(VerificationError) -> PlannedPartition {
            let found = plan.partitions.filter(fits)
            guard let partition = found.first, found.count == 1 else {
                throw VerificationError("the table has \(found.count) partitions where one \(what) must be")
            }
            return partition
        }
        systemPartition = try one("EFI system partition") { $0.type == .efiSystem }
        data = try one("data partition") { $0.type == .variableData }
        root = try one("root, called root-1 or the like,") {
            $0.name.hasPrefix("root-")
                && [GUID.root(architecture: "amd64"), .root(architecture: "arm64")].contains($0.type)
        }
        architecture = root.type == GUID.root(architecture: "amd64") ? "amd64" : "arm64"
        let treeType = GUID.rootVerity(architecture: architecture)
        let number = String(root.name.dropFirst(5))
        guard let generation = UInt64(number), "\(generation)" == number else {
            throw VerificationError("partition \(root.number) \"\(root.name)\" does not name a generation")
        }
        self.generation = generation
        hashTree = try one("hash tree of that root") { $0.type == treeType && $0.name == "verity-\(generation)" }
        empty = plan.partitions.filter { $0.name == "_empty" }
        let known = [systemPartition, data, root, hashTree] + empty
        if let other = plan.partitions.first(where: { !known.contains($0) }) {
            throw VerificationError("partition \(other.number) \"\(other.name)\" has no place in an image")
        }
    }

    /// The UUIDs of root and hash tree are its halves (Discoverable Partitions Specification).
    var rootHash: Digest? { Digest(root.guid.bytes + hashTree.guid.bytes) }
}
