/// What is looked at when an image is verified, in the order of reports.
public enum Check: String, Sendable, CaseIterable {
    /// The manifest does not contradict itself.
    case manifest
    /// Both copies of the partition table.
    case table = "partition table"
    /// Boot loader, boot entry and kernel image.
    case systemPartition = "EFI system partition"
    /// The root file system, by its hash tree and its digest.
    case root = "root file system"
    /// The hash tree.
    case hashTree = "hash tree"
    /// Nothing is in the other slot.
    case emptySlot = "empty slot"
    /// The file system of `/var`.
    case data = "data partition"
    /// Nothing is between and behind the partitions.
    case unused = "unused space"
}

/// Something that is not as it must be.
public struct Finding: Sendable, Equatable, CustomStringConvertible {
    /// What was looked at.
    public var check: Check
    /// The image, device or manifest.
    public var subject: String
    /// The first wrong bytes, or those that hold them, counted from the subject's start; nil where it is about no bytes.
    public var range: Range<Int>?
    /// The file that holds them: of the root file system, or of the EFI system partition.
    public var path: String?
    /// What is wrong.
    public var problem: String

    /// Makes a finding.
    public init(_ check: Check, _ subject: String, _ range: Range<Int>?, path: String? = nil, _ problem: String) {
        self.check = check
        self.subject = subject
        self.range = range
        self.path = path
        self.problem = problem
    }

    /// `node.raw: bytes 4096 to 8191: /usr/bin/env: the data was changed`.
    public var description: String {
        let place = range.map { range in
            range.count == 1 ? "byte \(range.lowerBound)" : "bytes \(range.lowerBound) to \(range.upperBound - 1)"
        }
        return [subject, place, path, problem].compactMap { $0 }.joined(separator: ": ")
    }
}
