import ContentStore
import Glibc
import LinuxSystem
import Testing

@Suite final class BuildCacheTests {
    let directory: TemporaryDirectory
    let cache: BuildCache

    init() throws {
        directory = try TemporaryDirectory()
        cache = try BuildCache("\(directory.path)/build", limitBytes: 3 << 20)
    }

    func key(_ name: String) -> Digest { SHA256.hash(Array(name.utf8)) }
    func path(_ name: String) -> String { "\(cache.directory)/\(key(name).hex)" }

    /// Stores so many bytes that depend on the name.
    func store(_ name: String, _ count: Int) throws {
        _ = try cache.store(key(name)) { try $0.writeAll(content(name, count)) }
    }

    func content(_ name: String, _ count: Int) -> [UInt8] {
        Array(repeating: UInt8(name.utf8.reduce(0, &+)), count: count)
    }

    func read(_ name: String) -> [UInt8]? {
        guard let file = cache.open(key(name)) else { return nil }
        return Array(file.bytes)
    }

    @Test(arguments: [0, 1, 4096, (9 << 20) + 7]) func givesBackWhatWasStored(count: Int) throws {
        #expect(read("a") == nil)
        let stored = try cache.store(key("a")) { try $0.writeAll(content("a", count)) }
        #expect(Array(stored.bytes) == content("a", count))
        #expect(read("a") == content("a", count))
        #expect(read("b") == nil)
    }

    @Test(arguments: [0, 5_000_000, 9_000_000 + 15]) func anEntryThatChangedIsAsGoodAsNone(byte: Int) throws {
        try store("a", 9_000_000)
        let file = try Descriptor.open(path("a"), O_RDWR)
        let old = try file.bytes(at: byte, count: 1)
        try file.writeAll([old[0] ^ 1], at: byte)
        #expect(read("a") == nil)
        // Gone, so that it is stored anew.
        try store("a", 10)
        #expect(read("a") == content("a", 10))
    }

    @Test(arguments: [0, 10, 15, 1000]) func anEntryThatWasCutIsAsGoodAsNone(size: Int) throws {
        try store("a", 5000)
        try Descriptor.open(path("a"), O_RDWR).truncate(to: size)
        #expect(read("a") == nil)
    }

    @Test func aFailureLeavesNothing() throws {
        struct Failure: Error {}
        #expect(throws: Failure.self) {
            _ = try cache.store(key("a")) {
                try $0.writeAll([1, 2, 3])
                throw Failure()
            }
        }
        #expect(try Descriptor.directory(cache.directory).entries().isEmpty)
    }

    @Test func whatWasNotUsedForLongestGoesFirst() throws {
        for (age, name) in ["old", "used", "new"].enumerated() {
            try store(name, 1_200_000)
            let time = timeval(tv_sec: 1_000_000 + age, tv_usec: 0)
            #expect(utimes(path(name), [time, time]) == 0)
        }
        #expect(read("old") != nil)
        try cache.trim()
        #expect(read("used") == nil)
        #expect(read("old") != nil)
        #expect(read("new") != nil)
    }

    @Test func othersFilesAreLeftAlone() throws {
        try AtomicFile.write(Array(repeating: 1, count: 4 << 20), to: "\(cache.directory)/mine")
        try cache.trim()
        #expect(access("\(cache.directory)/mine", F_OK) == 0)
    }
}
