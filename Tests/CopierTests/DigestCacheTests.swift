import LinuxSystem
import Testing

@testable import Copier

@Suite struct DigestCacheTests {
    private func known(_ inode: UInt64, on filesystem: UInt64 = 9, digest: UInt64? = nil) -> DigestCache.Known {
        var facts = PathTree.Facts()
        facts.inode = inode
        facts.size = Int64(inode) * 3
        facts.modified = -5
        facts.changed = 77
        let entry = DigestCache.Entry(
            digest: digest.map { MD5Digest(high: $0, low: ~$0) }, hasNoXattrs: inode.isMultiple(of: 2))
        return (filesystem, facts, entry)
    }

    @Test func whatIsWrittenIsFound() throws {
        let entries =
            (1...200).map { known(UInt64($0) * 7 % 211, on: UInt64($0 % 3), digest: UInt64($0)) } + [known(500)]
        let cache = try #require(DigestCache(DigestCache.encode(entries)))
        #expect(cache.count == 201)
        for entry in entries { #expect(cache.entry(for: entry.facts, on: entry.filesystem) == entry.entry) }
        #expect(cache.entry(for: entries[0].facts, on: nil) == nil)
        #expect(cache.entry(for: entries[0].facts, on: 42) == nil)
        #expect(cache.entry(for: PathTree.Facts(), on: 1) == nil)
    }

    @Test func anyOtherSizeOrTimeIsNotKnown() throws {
        let entry = known(3, digest: 1)
        let cache = try #require(DigestCache(DigestCache.encode([entry])))
        for path in [\PathTree.Facts.size, \.modified, \.changed] {
            var facts = entry.facts
            facts[keyPath: path] += 1
            #expect(cache.entry(for: facts, on: 9) == nil)
        }
    }

    @Test func ofSeveralNamesTheFirstCounts() throws {
        let cache = try #require(DigestCache(DigestCache.encode([known(3, digest: 1), known(3, digest: 2)])))
        #expect(cache.count == 1)
        #expect(cache.entry(for: known(3).facts, on: 9)?.digest?.high == 1)
    }

    @Test func aDamagedFileIsAsGoodAsNone() {
        let bytes = DigestCache.encode([known(1, digest: 1), known(2, digest: 2)])
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1
            #expect(DigestCache(damaged) == nil, "\(index)")
            #expect(DigestCache(Array(bytes[..<index])) == nil, "\(index)")
        }
        #expect(DigestCache(bytes + [0]) == nil)
        #expect(DigestCache(bytes) != nil)
    }

    @Test func numbersThatPromiseMoreThanThereIsAreRefused() {
        var bytes = Array(DigestCache.encode([]).dropLast(32))
        for index in bytes.count - 8..<bytes.count { bytes[index] = 0xff }
        #expect(DigestCache(bytes + SHA256.hash(bytes).bytes) == nil)
    }

    @Test func whatChangedJustNowIsNotBelieved() {
        var facts = PathTree.Facts()
        facts.changed = 10_000_000_000
        #expect(!DigestCache.isTrustworthy(facts, now: 11_000_000_000))
        #expect(DigestCache.isTrustworthy(facts, now: 13_000_000_000))
    }

    @Test func aDigestIsWhatItsDigitsSay() {
        var hash = MD5()
        Array("abc".utf8).withUnsafeBytes { hash.update($0) }
        // RFC 1321, appendix A.5.
        let digits = "900150983cd24fb0d6963f7d28e17f72"
        let digest = hash.digest()
        #expect(digest.hex == digits && MD5Digest(hex: Array(digits.utf8)) == digest)
        #expect(MD5Digest(hex: Array(digits.utf8.dropLast())) == nil)
        #expect(MD5Digest(hex: Array("g".utf8) + digits.utf8.dropLast()) == nil)
    }
}
