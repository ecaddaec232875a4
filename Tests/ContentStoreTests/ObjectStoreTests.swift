import ContentStore
import Glibc
import LinuxSystem
import PiscesTesting
import Synchronization
import Testing

@Suite struct ObjectStoreTests {
    @Test func whatIsPutCanBeOpened() throws {
        let directory = try TemporaryDirectory()
        let store = try ObjectStore(directory.path + "/deep/store")
        let bytes = Array("content".utf8)
        let digest = try store.put(bytes)
        #expect(digest == SHA256.hash(bytes))
        #expect(store.contains(digest))
        #expect(store.path(of: digest) == "\(store.directory)/sha256/\(digest.hex.prefix(2))/\(digest.hex)")
        #expect(try store.open(digest)?.readToEnd() == bytes)
        #expect(try store.open(digest)?.status().mode == S_IFREG | 0o444)
        #expect(try store.put(bytes) == digest)
        #expect(try Descriptor.directory(store.directory + "/temporary").entries() == [])
        #expect(try store.open(SHA256.hash([])) == nil)
        #expect(store.contains(SHA256.hash([])) == false)
    }

    @Test func fileOfAnotherDigestIsRefused() throws {
        let directory = try TemporaryDirectory()
        let store = try ObjectStore(directory.path + "/store")
        try AtomicFile.write(Array("content".utf8), to: directory.path + "/file")
        let file = try Descriptor.open(directory.path + "/file")
        let (wanted, got) = (SHA256.hash([1]), SHA256.hash(Array("content".utf8)))
        #expect(throws: StoreError.unexpected(file.name, wanted: wanted, got: got)) {
            try store.put(file: file, expecting: wanted)
        }
        #expect(store.contains(wanted) == false)
        #expect(store.contains(got) == false)
        #expect(try Descriptor.directory(store.directory + "/temporary").entries() == [])
        #expect(try store.put(file: file, expecting: got) == got)
        #expect(try store.open(got)?.readToEnd() == Array("content".utf8))
    }

    @Test func damagedObjectIsSetAsideAndReplaced() throws {
        let directory = try TemporaryDirectory()
        let bytes = Array("content".utf8)
        let digest = try ObjectStore(directory.path).put(bytes)
        let store = try ObjectStore(directory.path)
        try damage(store.path(of: digest))
        let error = #expect(throws: StoreError.self) { _ = try store.open(digest) }
        guard case .corrupt(digest, let kept) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try Descriptor.open(kept).readToEnd() == Array("Content".utf8))
        #expect(error?.description.contains(digest.hex) == true)
        #expect(try store.open(digest) == nil)
        try store.put(bytes)
        #expect(try store.open(digest)?.readToEnd() == bytes)
        // Damage that happens to an object this process has verified: another file has taken its place.
        try removeTree(store.path(of: digest))
        try AtomicFile.write(Array("another one".utf8), to: store.path(of: digest))
        try store.put(bytes)
        #expect(try store.open(digest)?.readToEnd() == bytes)
    }

    @Test func manyWritersOfOneObjectAgree() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let failures = Mutex<[String]>([])
        try ThreadGroup(count: 8) { _ in
            do {
                // Each its own store: what processes would see.
                let store = try ObjectStore(path)
                for _ in 0..<5 {
                    let digest = try store.put(bytes)
                    let read = try store.open(digest)?.readToEnd()
                    if read != bytes { failures.withLock { $0.append("other content") } }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }.join()
        #expect(failures.withLock { $0 } == [])
        #expect(try Descriptor.directory(path + "/temporary").entries() == [])
        #expect(try Descriptor.directory(path + "/corrupt").entries() == [])
    }

    @Test func garbageIsWhatNoRootNames() throws {
        let directory = try TemporaryDirectory()
        let store = try ObjectStore(directory.path)
        let kept = try store.put(Array("kept".utf8))
        let dropped = try store.put(Array("dropped".utf8))
        try AtomicFile.write([1], to: store.directory + "/temporary/crashed")
        do {
            let other = try ObjectStore(directory.path)
            #expect(throws: StoreError.busy(directory.path)) { try store.collectGarbage(keeping: [kept]) }
            #expect(other.contains(dropped))
        }
        let removed = try store.collectGarbage(keeping: [kept])
        #expect(removed.objects == 1)
        #expect(removed.bytes == 7)
        #expect(try store.open(kept)?.readToEnd() == Array("kept".utf8))
        #expect(try store.open(dropped) == nil)
        #expect(try Descriptor.directory(store.directory + "/temporary").entries() == [])
        // The lock was given back.
        #expect(try ObjectStore(directory.path).contains(kept))
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func fullStoreSaysSoAndKeepsNothing() throws {
        let directory = try TemporaryDirectory()
        // In a container root may not mount.
        guard (try? run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory.path)) != nil else { return }
        defer { _ = try? run("umount", "-l", directory.path) }
        let store = try ObjectStore(directory.path)
        let bytes = [UInt8](repeating: 1, count: 2 << 20)
        let error = #expect(throws: StoreError.self) { try store.put(bytes) }
        #expect(error?.description.hasPrefix("the content store is full") == true)
        #expect(store.contains(SHA256.hash(bytes)) == false)
        #expect(try Descriptor.directory(store.directory + "/temporary").entries() == [])
    }

    private func damage(_ path: String) throws {
        #expect(chmod(path, 0o644) == 0)
        try Descriptor.open(path, O_WRONLY).writeAll(Array("C".utf8), at: 0)
    }
}
