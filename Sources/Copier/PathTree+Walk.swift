internal import Glibc
internal import LinuxSystem

extension PathTree {
    /// What a walk does not enter, and what it knows from before.
    struct Walk {
        /// Absolute paths whose content is not looked at.
        var notEntered: [String]
        /// What is looked at whole of the areas where people put what they want.
        var inside: [String]
        var mounts: Mounts
        /// What is known of inodes by an earlier walk.
        var cache: DigestCache
    }

    /// A directory that is still to be read.
    private struct Pending {
        var node: Int32
        /// Whether it is of an area of which only what somebody knows is looked at.
        var isArea = false
    }

    /// The top directories that packages fill, of the Filesystem Hierarchy Standard (3.0, 3). All others are areas where
    /// people put what they want.
    static let systemDirectories = ["bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var"]

    /// Finds what is below a root, following no symlink. What cannot be read, vanishes or is too deep is marked.
    ///
    /// Of people's areas it is what lies right in them, what is below a path that somebody knows, and what is wanted: a
    /// home may hold more files than all packages, of which nothing would be said but that they stay.
    ///
    /// - Throws: only if the root itself cannot be read.
    mutating func walk(_ root: borrowing Descriptor, _ walk: Walk) throws(SystemError) {
        for path in walk.notEntered { self[makePath(path)].flags.insert(.isNotEntered) }
        for path in walk.mounts.foreign.keys {
            let node = path.withUnsafeBufferPointer { makePath($0) }
            self[node].flags.insert(.isNotEntered)
        }
        var status = stat()
        guard fstat(root.rawValue, &status) == 0 else {
            throw SystemError(call: "fstat", subject: root.name, code: errno)
        }
        note(Self.root, status)
        let inside = Set(walk.inside.map { makePath($0) })
        try self.walk([Pending(node: Self.root, isArea: !inside.contains(Self.root))], root, walk, inside)
        // What packages own may have been moved to an area, with a symlink in its place.
        let throughLinks = nodes.filter { $0.facts.isSymlink && $0.firstChild >= 0 }.map(\.firstChild)
        while let closed = closedEnd(of: throughLinks) {
            self[closed].flags.remove(.isClosed)
            try self.walk([Pending(node: closed)], root, walk, inside)
        }
    }

    private func closedEnd(of nodes: [Int32]) -> Int32? {
        for node in nodes {
            if let end = resolve(node), has(end, .isClosed) { return end }
        }
        return nil
    }

    private mutating func walk(
        _ start: [Pending], _ root: borrowing Descriptor, _ walk: Walk, _ inside: Set<Int32>
    ) throws(SystemError) {
        var pending = start
        var path: [UInt8] = []
        while let place = pending.popLast() {
            path.removeAll(keepingCapacity: true)
            path.append(UInt8(ascii: "."))
            appendPath(place.node, to: &path)
            path.append(0)
            do throws(SystemError) {
                let directory = try root.openBeneath(bytes: path, O_RDONLY | O_DIRECTORY)
                for node in try read(directory, place.node, walk) {
                    let isArea = place.isArea && !inside.contains(node) && !isSystem(node)
                    if isArea && place.node != Self.root && self[node].firstChild < 0 {
                        self[node].flags.insert(.isClosed)
                    } else {
                        pending.append(Pending(node: node, isArea: isArea))
                    }
                }
            } catch {
                if place.node == Self.root { throw error }
                self[place.node].flags.insert(
                    error.isNotFound || error.code == ENOTDIR ? .hasVanished : .isUnreadable)
            }
        }
    }

    /// Whether it is a top directory that packages fill.
    private func isSystem(_ node: Int32) -> Bool {
        guard self[node].parent == Self.root else { return false }
        return withName(node) { name in Self.systemDirectories.contains { name.elementsEqual($0.utf8) } }
    }

    /// Adds what is in an open directory.
    ///
    /// - Returns: the directories in it that are to be entered.
    private mutating func read(
        _ directory: borrowing Descriptor, _ node: Int32, _ walk: Walk
    ) throws(SystemError) -> [Int32] {
        var directories: [Int32] = []
        var names: [UInt8] = []
        var entries: [(inode: UInt64, name: Range<Int>)] = []
        try directory.forEachEntry { name, inode in
            let start = names.count
            names.append(contentsOf: UnsafeRawBufferPointer(start: name, count: strlen(name)))
            entries.append((inode, start..<names.count))
        }
        // The kernel reads inodes in tables: in their order each block is read once.
        entries.sort { $0.inode < $1.inode }
        let device = self[node].facts.device
        let number = directory.rawValue
        noteFilesystem(number, device)
        for entry in entries {
            let child = names.withUnsafeBufferPointer { makeChild(node, Bytes(rebasing: $0[entry.name])) }
            var status = stat()
            let result = withCName(child) { fstatat(number, $0, &status, AT_SYMLINK_NOFOLLOW) }
            guard result == 0 else {
                self[child].flags.insert(errno == ENOENT ? .hasVanished : .isUnreadable)
                continue
            }
            note(child, status)
            if self[child].facts.isDirectory {
                if !walk.mounts.isKnown && self[child].facts.device != device {
                    self[child].flags.insert(.isNotEntered)
                }
                if !has(child, .isNotEntered) { directories.append(child) }
            } else if self[child].facts.isSymlink {
                readTarget(child, in: directory.rawValue)
            }
            lookForXattrs(child, in: directory, walk.cache)
        }
        return directories
    }

    private mutating func note(_ node: Int32, _ status: stat) {
        self[node].flags.insert(.isOnDisk)
        self[node].facts = Facts(status)
        // Less room than the size, rounded up to blocks.
        if self[node].facts.isFile && Int64(status.st_blocks) * 512 + 4096 <= Int64(status.st_size) {
            self[node].flags.insert(.isSparse)
        }
    }

    private mutating func noteFilesystem(_ directory: Int32, _ device: UInt64) {
        if filesystems[device] != nil { return }
        var status = statvfs()
        guard fstatvfs(directory, &status) == 0, Int32(truncatingIfNeeded: status.f_flag) & Int32(ST_RDONLY) == 0 else {
            return
        }
        filesystems[device] = UInt64(status.f_fsid) ^ device &* 0x9e37_79b9_7f4a_7c15
    }

    private mutating func readTarget(_ node: Int32, in directory: Int32) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            guard let base = buffer.baseAddress else { return }
            let count = withCName(node) { readlinkat(directory, $0, base, 4096) }
            guard count >= 0 else {
                self[node].flags.insert(errno == ENOENT ? .hasVanished : .hasChanged)
                return
            }
            setTarget(node, Bytes(rebasing: UnsafeRawBufferPointer(buffer).bindMemory(to: UInt8.self)[..<count]))
        }
    }

    private mutating func lookForXattrs(_ node: Int32, in directory: borrowing Descriptor, _ cache: DigestCache) {
        if cache.entry(for: self[node].facts, on: filesystems[self[node].facts.device])?.hasNoXattrs == true {
            self[node].flags.insert(.hasNoXattrs)
            return
        }
        // Where they cannot be read, nothing is said of them.
        guard let hasAny = try? directory.hasXattrs(bytes: cName(node)) else { return }
        self[node].flags.insert(hasAny ? .hasXattrs : .hasNoXattrs)
    }
}

extension PathTree.Facts {
    init(_ status: stat) {
        mode = status.st_mode
        uid = status.st_uid
        gid = status.st_gid
        links = UInt32(truncatingIfNeeded: status.st_nlink)
        size = Int64(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Times that 64 bits cannot hold are clamped: a file can bear any.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (product, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, second) = product.addingReportingOverflow(Int64(time.tv_nsec))
        return overflow || second ? (time.tv_sec < 0 ? .min : .max) : sum
    }
}
