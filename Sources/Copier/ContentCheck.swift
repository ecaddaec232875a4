internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// The content of many files, by digest, on all processors.
struct ContentCheck: Sendable {
    enum Outcome: Sendable, Equatable {
        case digest(MD5Digest)
        /// It could not be read: an errno value.
        case unreadable(Int32)
        case vanished
        /// It changed while it was read, so there is no content to speak of.
        case changed
    }

    /// What became of each file, by its node.
    private(set) var outcomes: [Int32: Outcome] = [:]
    /// How many files were read; the others were known.
    private(set) var readCount = 0

    /// Finds the digests of files: from the cache where it knows them, else by reading.
    init(_ nodes: [Int32], in tree: PathTree, root: borrowing Descriptor, cache: DigestCache) throws(SystemError) {
        outcomes.reserveCapacity(nodes.count)
        var jobs: [Int32] = []
        for node in nodes {
            if let digest = cache.entry(for: tree[node].facts, on: tree.filesystems[tree[node].facts.device])?.digest {
                outcomes[node] = .digest(digest)
            } else {
                jobs.append(node)
            }
        }
        readCount = jobs.count
        if jobs.isEmpty { return }
        // By inode: near each other there, near each other on the disk. Names of one inode follow each other.
        jobs.sort {
            (tree[$0].facts.device, tree[$0].facts.inode) < (tree[$1].facts.device, tree[$1].facts.inode)
        }
        let work = Work(jobs: jobs, tree: tree, root: try root.duplicate())
        let threads = try ThreadGroup(count: processorCount) { _ in work.run() }
        threads.join()
        for (node, outcome) in work.results.withLock({ $0 }) { outcomes[node] = outcome }
    }
}

/// What the threads share.
private final class Work: Sendable {
    let jobs: [Int32]
    let tree: PathTree
    let root: Descriptor
    let next = Atomic<Int>(0)
    let results = Mutex<[(Int32, ContentCheck.Outcome)]>([])

    /// Files a thread takes at once: few enough that all end at the same time, enough that the disk reads in order.
    static let batch = 16

    init(jobs: [Int32], tree: PathTree, root: consuming Descriptor) {
        self.jobs = jobs
        self.tree = tree
        self.root = root
    }

    func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        var done: [(Int32, ContentCheck.Outcome)] = []
        var path: [UInt8] = []
        while true {
            let start = next.wrappingAdd(Self.batch, ordering: .relaxed).oldValue
            if start >= jobs.count { break }
            for index in start..<min(start + Self.batch, jobs.count) {
                done.append((jobs[index], outcome(jobs[index], buffer, &path)))
            }
        }
        results.withLock { $0 += done }
    }

    private func outcome(
        _ node: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ path: inout [UInt8]
    ) -> ContentCheck.Outcome {
        path.removeAll(keepingCapacity: true)
        path.append(UInt8(ascii: "."))
        tree.appendPath(node, to: &path)
        path.append(0)
        do throws(SystemError) {
            // What took the file's place may be a pipe, which must not hold us up.
            let file = try root.openBeneath(bytes: path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
            return try digest(of: file, tree[node].facts, buffer)
        } catch {
            return error.isNotFound || error.code == ENOTDIR || error.code == ELOOP
                ? .vanished : .unreadable(error.code)
        }
    }

    private func digest(
        of file: borrowing Descriptor, _ facts: PathTree.Facts, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> ContentCheck.Outcome {
        func isSame() -> Bool {
            var status = stat()
            guard fstat(file.rawValue, &status) == 0 else { return false }
            let now = PathTree.Facts(status)
            return now.inode == facts.inode && now.device == facts.device && now.size == facts.size
                && now.modified == facts.modified && now.changed == facts.changed && now.isFile
        }
        guard isSame() else { return .changed }
        var hash = MD5()
        var rest = facts.size
        while rest > 0 {
            let count = try file.read(into: buffer)
            if count == 0 { return .changed }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            rest -= Int64(count)
        }
        return isSame() && rest == 0 ? .digest(hash.digest()) : .changed
    }
}
