internal import Glibc
internal import LinuxSystem

extension PathTree {
    /// What a walk does not enter, and what it knows from before.
    struct Walk {
        /// Absolute paths whose content is not looked at.
        var notEntered: [String]
        var mounts: Mounts
        /// What is known of inodes by an earlier walk.
        var cache: DigestCache
    }

    /// Finds all that is below a root, following no symlink. What cannot be read, vanishes or is too deep is marked.
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
        var pending: [Int32] = [Self.root]
        var path: [UInt8] = []
        while let node = pending.popLast() {
            path.removeAll(keepingCapacity: true)
            path.append(UInt8(ascii: "."))
            appendPath(node, to: &path)
            path.append(0)
            do throws(SystemError) {
                let directory = try root.openBeneath(bytes: path, O_RDONLY | O_DIRECTORY)
                try read(directory, node, walk, &pending)
            } catch {
                if node == Self.root { throw error }
                self[node].flags.insert(error.isNotFound || error.code == ENOTDIR ? .hasVanished : .isUnreadable)
            }
        }
    }

    /// Adds what is in an open directory, and to `pending` those below it.
    private mutating func read(
        _ directory: borrowing Descriptor, _ node: Int32, _ walk: Walk, _ pending: inout [Int32]
    ) throws(SystemError) {
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
                if !has(child, .isNotEntered) { pending.append(child) }
            } else if self[child].facts.isSymlink {
                readTarget(child, in: directory.rawValue)
            }
            lookForXattrs(child, in: directory, walk.cache)
        }
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
