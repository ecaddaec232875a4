import Debian
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// Every kind of root holds what the uncompressed EROFS of the first image holds, as the kernel sees it.
    @Suite struct RootFilesystemTests {
        @Test(
            .enabled(if: isRoot, "needs root to mount"),
            arguments: [("erofs", "fast"), ("squashfs", "fast"), ("ext4", "none")])
        func rootHoldsTheSameTree(root: String, compression: String) throws {
            let site = try Site.shared.get()
            let folder = try site.makeFolder(
                "root-\(root)", blueprint: nodeBlueprint + "\nimage: { root: \(root), compression: \(compression) }\n",
                isLocked: false)
            // The lock has tools now, which the copy of the mirror lacks.
            let locked = try folder.command("lock").outcome()
            try #require(locked.status == .exited(0), "\(locked.errors)")
            // The packages are those of the site's image: they are configured already.
            let options = ["-o", folder.output, "--store", Site.warmStore]
            let made = try piscesCommand(["construct", folder.blueprint] + options, cache: site.folder.cache).outcome()
            try #require(made.status == .exited(0), "\(made.errors)")
            let verified = try piscesCommand(["verify", folder.output]).outcome()
            #expect(verified.status == .exited(0), "\(verified.output)")

            let place = try #require(
                try PartitionTable.read(path: folder.output).plan.partitions.first { $0.name == "root-1" })
            let mountPoint = "\(folder.path)/mounted"
            try makeDirectories(mountPoint)
            try run("mount", "-t", root, "-o", "ro,loop,offset=\(place.startBytes)", folder.output, mountPoint)
            defer { _ = try? run("umount", mountPoint) }
            let reader = try openRoot(site.image)
            let seen = try Descriptor.directory(mountPoint)
            let found = try difference(from: reader, seen, FileTree.scan(seen))
            #expect(found == nil)
            #expect(try differences(between: folder.output, and: madeByOrdinaryUser(like: folder)) == [])
        }

        /// The image that an ordinary user makes of a folder's blueprint and lock, on one CPU; its configured packages
        /// come from the first image's cache, like those of the image it is to be compared with.
        private func madeByOrdinaryUser(like folder: Folder) throws -> String {
            let site = try Site.shared.get()
            let copy = try site.makeFolder("user", blueprint: try fileText(folder.blueprint), isLocked: false)
            try write(try fileText(folder.lock), to: copy.lock)
            try makeDirectories("\(copy.cache)/pisces")
            try run("cp", "-r", "\(site.folder.cache)/pisces/build", "\(copy.cache)/pisces/build")
            let lock = try Lock(parsing: Array(try fileText(copy.lock).utf8), file: "lock")
            for digest in lock.objects.map(\.hex) {
                let place = "\(copy.store)/sha256/\(digest.prefix(2))"
                try makeDirectories(place)
                try run("cp", "\(Site.warmStore)/sha256/\(digest.prefix(2))/\(digest)", place)
            }
            try makeOrdinaryUser()
            try run("chown", "-R", "pisces-test:", copy.path)
            var construct = copy.construct(["--offline"])
            let user = ["setpriv", "--reuid", "pisces-test", "--regid", "pisces-test", "--clear-groups"]
            construct.arguments = user + construct.argv
            construct.arguments.insert(contentsOf: ["--cpu-list", "0"], at: 0)
            construct.executable = "taskset"
            construct.environment["HOME"] = copy.path
            let made = try construct.outcome()
            try #require(made.status == .exited(0), "\(made.errors)")
            #expect(!made.errors.contains("unpack packages"), "\(made.errors)")
            return copy.output
        }

        /// What differs first; nil if nothing does but what must: ext4 has a directory of its own, and the blueprint and
        /// the lock are others.
        private func difference(
            from reader: borrowing ErofsReader, _ directory: borrowing Descriptor, _ seen: FileTree
        ) throws -> String? {
            let wanted = try reader.tree()
            var seen = seen
            seen["/lost+found"] = nil
            if seen.paths != wanted.paths { return "paths: \(Set(seen.paths).symmetricDifference(wanted.paths))" }
            for path in wanted.paths where !path.hasPrefix("/usr/lib/pisces/system/") {
                guard var left = wanted[path], var right = seen[path] else { return path }
                if case .file = left.kind, case .file = right.kind {
                    let bytes = try directory.openBeneath(String(path.dropFirst())).readToEnd()
                    if try bytes != reader.contents(of: path) { return "\(path): data" }
                    (left.kind, right.kind) = (.fifo, .fifo)
                }
                if left != right { return "\(path): \(left) and \(right)" }
            }
            return nil
        }
    }
}
