import PiscesTesting
import Testing

@testable import BlueprintModel

/// Contents that are known by their digest.
@Suite struct StoredContentsTests {
    private static let sum = String(repeating: "0123456789abcdef", count: 4)
    private static let contents = Blueprint.StoredContents(
        size: 5_000_000, sha256: sum, place: .init(path: "/somewhere/x"))
    private static let head = "blueprint: 1\nname: x\ndistribution: { debian: trixie, architecture: amd64 }\n"

    /// Loads a blueprint of which some files are large.
    private func load(_ text: String, large: [String: Blueprint.LargeSource]) throws -> LoadedBlueprint {
        let read = { (path: String) throws -> [UInt8] in
            guard path == "dir/x.yaml" else { return Array("small".utf8) }
            return Array((Self.head + text).utf8)
        }
        return try Blueprint.load("dir/x.yaml", read: read) { path in
            if path == "dir/gone" { throw Missing() }
            return large[path]
        }
    }

    @Test func aLargeSourceIsKnownByItsDigest() throws {
        let text = "files: { /a: { source: big, mode: \"0755\" }, /b: { source: little }, /c: { source: big } }"
        let loaded = try load(text, large: ["dir/big": .init(Self.contents, secret: nil)])
        let files = loaded.blueprint.files
        #expect(files["/a"] == .init(.stored(Self.contents), mode: 0o755))
        #expect(files["/b"] == .init(.regular(Array("small".utf8))) && files["/c"] == .init(.stored(Self.contents)))
        guard case .stored(let stored) = files["/a"]?.content else { throw Missing() }
        #expect(stored.place == .init(path: "/somewhere/x"))
        #expect(loaded.files == ["dir/x.yaml", "dir/big", "dir/little"])
        let canonical = loaded.blueprint.canonicalJSON["files"]
        #expect(
            canonical?["/a"]?.canonical == #"{"mode":"0755","stored":{"sha256":"\#(Self.sum)","size":5000000}}"#)
        #expect(canonical?["/b"]?.canonical == #"{"text":"small"}"#)
        // The place is on this machine; the blueprint is the same on all.
        let read = try Blueprint(canonical: loaded.blueprint.canonicalBytes, file: "j")
        #expect(read == loaded.blueprint && read.canonicalBytes == loaded.blueprint.canonicalBytes)
        guard case .stored(let known) = read.files["/a"]?.content else { throw Missing() }
        #expect(known.place == nil)
    }

    @Test func sizeAndDigestAreTheContents() {
        let same = Blueprint.StoredContents(size: 5_000_000, sha256: Self.sum, place: nil)
        let longer = Blueprint.StoredContents(size: 5_000_001, sha256: Self.sum, place: same.place)
        let other = Blueprint.StoredContents(
            size: 5_000_000, sha256: String(Self.sum.reversed()), place: Self.contents.place)
        #expect(same == Self.contents && longer != Self.contents && other != Self.contents)
        var (old, new) = (Blueprint(name: "x"), Blueprint(name: "x"))
        old.files = ["/a": .init(.stored(Self.contents))]
        for contents in [same, longer, other] {
            new.files = ["/a": .init(.stored(contents))]
            #expect(Blueprint.diff(old, new).isEmpty == (contents == Self.contents))
        }
        #expect(
            Blueprint.diff(old, new).map(\.description)
                == [#"~ files./a.stored.sha256: "\#(Self.sum)" -> "\#(String(Self.sum.reversed()))""#])
    }

    @Test func whatIsStoredLiesBesideTheText() throws {
        var blueprint = Blueprint(name: "x")
        blueprint.files = [
            "/usr/local/bin/tool": .init(.stored(Self.contents), mode: 0o755),
            "/etc/large": .init(.regular(Array("0123456789".utf8))),
        ]
        for limit in [8, Int.max] {
            let (text, contents, stored) = blueprint.yaml(contentsIn: "x.files", above: limit)
            #expect(stored == ["x.files/usr/local/bin/tool": Self.contents])
            #expect(contents.count == (limit == 8 ? 1 : 0) && !text.contains(Self.sum))
            let read = { (path: String) in contents[path] ?? Array(text.utf8) }
            let loaded = try Blueprint.load("x.yaml", read: read) { path in
                stored[path].map { .init($0, secret: nil) }
            }
            #expect(loaded.blueprint == blueprint)
        }
    }

    @Test func whatIsWrongIsToldWhereItIsWritten() {
        func said(_ file: String, secret: String? = nil) -> [String] {
            problems { try load("files: { /a: \(file) }", large: ["dir/big": .init(Self.contents, secret: secret)]) }
        }
        #expect(said("{ source: big }").isEmpty)
        #expect(
            said("{ source: big }", secret: "a private key")
                == ["dir/x.yaml:4:24: files./a.source: this holds a private key\(Secrets.advice)"])
        #expect(said("{ source: gone }") == [#"dir/x.yaml:4:24: files./a.source: cannot read "gone": no such file"#])
        #expect(said("{ stored: { sha256: \(Self.sum), size: 4194305 } }").isEmpty)
        for (form, words) in [
            ("sha256: \(Self.sum)", "missing key \"size\""), ("size: 5000000", "missing key \"sha256\""),
            ("sha256: \(Self.sum), size: 4194304", "wanted a whole number from 4194305"),
            ("sha256: \(Self.sum.uppercased()), size: 5000000", "is not a SHA-256"),
            ("sha256: \(Self.sum.dropLast()), size: 5000000", "is not a SHA-256"),
        ] {
            #expect(said("{ stored: { \(form) } }").first?.contains(words) == true, "\(form)")
        }
        #expect(said("{ source: big, text: a }").first?.contains("cannot stand beside") == true)
    }

    // MARK: - Secrets in a stream

    /// Whether a secret is found in chunks of a size.
    private func kind(in bytes: [UInt8], chunk size: Int) -> String? {
        var windows = Secrets.Windows()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let window = bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { windows.next($0) }
            if let kind = Secrets.kind(in: window) { return kind }
        }
        return nil
    }

    @Test(arguments: SecretTests.secrets) func aSecretOnABorderIsFound(secret: String, kind: String) {
        let secret = Array(secret.utf8) + [0]
        // The first byte, one in the middle and the last one are on the border.
        for (before, fill) in [(1, UInt8(ascii: "\n")), (secret.count / 2, 32), (secret.count - 1, 0)] {
            let bytes =
                [UInt8](repeating: fill, count: 70_000 - before) + secret + [UInt8](repeating: fill, count: 1000)
            #expect(self.kind(in: bytes, chunk: 70_000) == kind, "\(before)")
        }
    }

    /// What is found in chunks is what is found in all, whatever their size.
    @Test func chunksFindWhatTheWholeHas() {
        var random = SeededGenerator(state: 7)
        let secrets = SecretTests.secrets.map { Array($0.0.utf8) }
        for _ in 0..<12 {
            var bytes = [UInt8](repeating: random.pick([32, 10, 0, UInt8(ascii: "a")]), count: 200_000)
            // A word before it makes that a token is none.
            let word = random.pick([[], Array("x".utf8), Array("-".utf8), Array(" ".utf8)])
            let secret = word + random.pick(secrets)
            let place = Int.random(in: 0..<bytes.count - secret.count, using: &random)
            bytes.replaceSubrange(place..<place + secret.count, with: secret)
            let size = random.pick([66_000, 70_001, place + 1, place + secret.count / 2, 131_072])
            #expect((kind(in: bytes, chunk: size) == nil) == (Secrets.kind(in: bytes) == nil), "\(place), \(size)")
        }
    }
}
