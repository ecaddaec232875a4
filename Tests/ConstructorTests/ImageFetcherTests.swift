import BlueprintModel
import ContentStore
import Debian
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// Images from layouts and from a registry on this machine, into the store.
@Suite struct ImageFetcherTests {
    typealias Site = ImageStorageTests.Site

    /// An image of one layer with one file.
    static func image(_ text: String, in layout: ContainerImageLayout, architecture: String = "amd64") throws
        -> ContainerImageLayout.Blob
    {
        try layout.addImage(layers: [TarArchive([.file("text", text)])], architecture: architecture)
    }

    /// What an error says; "" where there is none.
    func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return ""
        } catch { return "\(error)" }
    }

    // MARK: - Layouts

    @Test func anIndexLeadsToTheImageOfTheArchitecture() throws {
        let site = try Site()
        let mine = try Self.image("mine", in: site.layout)
        let other = try Self.image("other", in: site.layout, architecture: "arm64")
        let index = try site.layout.addIndex([
            ("linux/arm64", other), ("unknown/unknown", other), ("linux/amd64", mine),
        ])
        try site.layout.list([(index, nil)])
        let locked = try site.lock("localhost/a")
        #expect(locked.index == .init(digest: index.digest, size: Int64(index.size)))
        #expect(locked.manifest == .init(digest: mine.digest, size: Int64(mine.size)))
        #expect(locked.digest == index.digest)
        #expect(locked.layers.count == 1)
        #expect(locked.blobs.allSatisfy { site.store.contains($0.digest) })
        #expect(!site.store.contains(other.digest))

        let wrong = try site.layout.addIndex([("linux/arm64", other), ("windows/amd64", mine)])
        let said = message { _ = try site.lock("localhost/a@sha256:\(wrong.digest)") }
        #expect(said.contains("no image for linux/amd64; there are linux/arm64, windows/amd64"))
    }

    @Test func aLayoutOfSeveralImagesNeedsATagOrADigest() throws {
        let site = try Site()
        let one = try Self.image("one", in: site.layout)
        let two = try Self.image("two", in: site.layout)
        try site.layout.list([(one, "1"), (two, "2")])
        #expect(try site.lock("localhost/a:2").digest == two.digest)
        #expect(try site.lock("localhost/a@sha256:\(one.digest)").digest == one.digest)
        let said = message { _ = try site.lock("localhost/a") }
        #expect(said.contains("2 images may be meant") && said.contains(one.digest.hex) && said.contains("digest"))
    }

    @Test func whatIsNotWhatItsDigestSaysIsRefused() throws {
        // The manifest, the configuration, the layer: each replaced by something of the same size, cut off, or gone.
        for part in 0..<3 {
            let site = try Site()
            let manifest = try Self.image("text", in: site.layout)
            try site.layout.list([(manifest, nil)])
            let good = try site.lock("localhost/a")
            let digest = [good.manifest, good.config, good.layers[0]][part].digest
            let file = site.layout.file(of: digest)
            let bytes = try Descriptor.open(file).readToEnd()
            func said() throws -> String {
                // A store of its own: what is there already is not asked for.
                let store = try ObjectStore("\(site.directory.path)/\(part)-\(UInt32.random(in: 0 ... .max))")
                let fetcher = ImageFetcher(store: store, architecture: "amd64", isOffline: false, run: runTool)
                let reference = try #require(ImageReference("localhost/a"))
                return message {
                    let image = try fetcher.lock(reference, layout: site.layout.path)
                    try fetcher.fetch(image, layout: site.layout.path)
                }
            }
            #expect(try said() == "")
            var changed = bytes
            changed[changed.count / 2] ^= 1
            try AtomicFile.write(changed, to: file)
            #expect(try said().contains("wanted SHA-256 \(digest)"), "part \(part)")
            try AtomicFile.write(Array(bytes.dropLast()), to: file)
            #expect(try said().contains(part == 0 ? "wanted SHA-256" : "has \(bytes.count - 1) bytes"), "part \(part)")
            try removeTree(file)
            #expect(try said().contains("lacks sha256:\(digest)"), "part \(part)")
        }
    }

    @Test func aLayoutThatIsNotThereIsNamed() throws {
        let site = try Site()
        let said = message {
            _ = try site.fetcher().lock(try #require(ImageReference("localhost/a")), layout: "/nowhere")
        }
        #expect(said.contains("/nowhere/index.json") && said.contains("make it first"))
    }

    @Test func whatTheStoreHasIsNotAskedFor() throws {
        let site = try Site()
        try site.layout.list([(try Self.image("text", in: site.layout), nil)])
        let image = try site.lock("localhost/a")
        try removeTree(site.layout.path)
        #expect(try site.fetcher().fetch(image, layout: site.layout.path) == 0)
        let named = try #require(ImageReference("localhost/a@sha256:\(image.digest)"))
        #expect(try site.fetcher().lock(named, layout: nil).blobs == image.blobs)
    }

    @Test func documentsThatAreNoneAreRefused() throws {
        let digest = String(repeating: "0", count: 64)
        let good = #"{"config":{"digest":"sha256:\#(digest)","size":1},"layers":[]}"#
        _ = try ImageDocument(parsing: Array(good.utf8), name: "x")
        let bad = [
            "", "{", "[]", "{}", #"{"layers":[]}"#, #"{"config":{},"layers":[]}"#, #"{"manifests":[{}]}"#,
            good.replacing("sha256:", with: "sha512:"), good.replacing(#""size":1"#, with: #""size":-1"#),
            good.replacing("[]", with: #"[{"digest":"sha256:\#(digest)","size":1,"mediaType":"application/x-other"}]"#),
            good.replacing("{", with: #"{"config":1,"#),
        ]
        for text in bad {
            #expect(throws: ConstructorError.self, "\(text)") {
                _ = try ImageDocument(parsing: Array(text.utf8), name: "x")
            }
        }
        for text in ["{}", #"{"architecture":"amd64","os":"windows","rootfs":{"diff_ids":[]}}"#] {
            #expect(throws: ConstructorError.self) { _ = try ImageConfig(parsing: Array(text.utf8), name: "x") }
        }
    }

    // MARK: - A registry

    @Test func aRegistryGivesTheImageByItsDigestAndIsNotNeededAgain() throws {
        let site = try Site()
        let mine = try Self.image("mine", in: site.layout)
        let index = try site.layout.addIndex(
            [("linux/arm64", try Self.image("other", in: site.layout, architecture: "arm64")), ("linux/amd64", mine)])
        try site.layout.list([(index, nil)])
        var registry = try ContainerRegistry(in: "\(site.directory.path)/registry")
        try registry.push(site.layout, as: "team/some:1")
        let fetcher = ImageFetcher(store: site.store, architecture: "amd64", isOffline: false, run: runTool)
        let reference = try #require(ImageReference("\(registry.name)/team/some:1@sha256:\(index.digest)"))
        let image = try fetcher.lock(reference, layout: nil)
        #expect(image.manifest.digest == mine.digest)
        #expect(try fetcher.fetch(image, layout: nil) == image.config.size + image.layers[0].size)
        #expect(try image.blobs.allSatisfy { try site.store.open($0.digest) != nil })

        // A lock from elsewhere, and an empty store.
        let other = ImageFetcher(
            store: try ObjectStore("\(site.directory.path)/other"), architecture: "amd64", isOffline: false,
            run: runTool)
        #expect(try other.fetch(image, layout: nil) == image.blobs.reduce(0) { $0 + $1.size })

        try registry.stop()
        #expect(try fetcher.lock(reference, layout: nil) == image)
        #expect(try fetcher.fetch(image, layout: nil) == 0)
        let missing = try #require(
            ImageReference("\(registry.name)/team/some@sha256:\(String(repeating: "1", count: 64))"))
        let said = message { _ = try fetcher.lock(missing, layout: nil) }
        #expect(said.contains("could not be fetched") && said.contains("\(missing)"))
    }

    @Test func whatARegistryDoesNotHaveOrChangedIsRefused() throws {
        let site = try Site()
        let manifest = try Self.image("mine", in: site.layout)
        try site.layout.list([(manifest, nil)])
        let registry = try ContainerRegistry(in: "\(site.directory.path)/registry")
        try registry.push(site.layout, as: "some")
        let fetcher = ImageFetcher(store: site.store, architecture: "amd64", isOffline: false, run: runTool)
        func lock(_ digest: String) throws -> LockedImage {
            try fetcher.lock(try #require(ImageReference("\(registry.name)/some@sha256:\(digest)")), layout: nil)
        }
        let absent = message { _ = try lock(String(repeating: "a", count: 64)) }
        #expect(absent.contains("manifest unknown") && absent.contains("check name, digest and network"))

        let image = try lock(manifest.digest.hex)
        let layer = registry.file(of: image.layers[0].digest)
        let bytes = try Descriptor.open(layer).readToEnd()
        var changed = bytes
        changed[changed.count / 2] ^= 1
        for bad in [changed, Array(bytes.dropLast(3))] {
            try AtomicFile.write(bad, to: layer)
            #expect(message { try fetcher.fetch(image, layout: nil) }.contains("could not be fetched"))
            #expect(!site.store.contains(image.layers[0].digest))
        }
        try AtomicFile.write(bytes, to: layer)
        try fetcher.fetch(image, layout: nil)
        #expect(site.store.contains(image.layers[0].digest))
    }

    @Test func offlineNothingIsAskedOfARegistry() throws {
        let site = try Site()
        let digest = try #require(Digest(hex: String(repeating: "b", count: 64)))
        let fetcher = ImageFetcher(store: site.store, architecture: "amd64", isOffline: true) { _, _, _ in
            Issue.record("a tool was run")
            return (0, [], [])
        }
        let blob = LockedImage.Blob(digest: digest, size: 5)
        let image = LockedImage(
            reference: "registry.example/a@sha256:\(digest)", index: nil, manifest: blob, config: blob, layers: [blob])
        let said = message { try fetcher.fetch(image, layout: nil) }
        #expect(said.contains("offline") && said.contains("registry.example/a") && said.contains(digest.hex))
        let reference = try #require(ImageReference(image.reference))
        #expect(message { _ = try fetcher.lock(reference, layout: nil) }.contains("offline"))
    }

    @Test func onlyARegistryOfThisMachineMayGoWithoutTLS() throws {
        let site = try Site()
        for (registry, isPlain) in [("localhost:5000", true), ("127.0.0.1:5000", true), ("registry.example", false)] {
            let fetcher = ImageFetcher(store: site.store, architecture: "amd64", isOffline: false) { argv, _, _ in
                #expect(argv.contains("--tls-verify=false") == isPlain, "\(registry)")
                return (1, [], Array("no".utf8))
            }
            let name = "\(registry)/a@sha256:\(String(repeating: "c", count: 64))"
            #expect(throws: ConstructorError.self) {
                _ = try fetcher.lock(try #require(ImageReference(name)), layout: nil)
            }
        }
    }

    @Test func aToolThatLiesIsFoundOut() throws {
        let site = try Site()
        let fetcher = ImageFetcher(store: site.store, architecture: "amd64", isOffline: false) { _, _, _ in
            (0, Array("{}".utf8), [])
        }
        let name = "registry.example/a@sha256:\(String(repeating: "c", count: 64))"
        let said = message { _ = try fetcher.lock(try #require(ImageReference(name)), layout: nil) }
        #expect(said.contains("wanted SHA-256 cccc"))
    }
}
