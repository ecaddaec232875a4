import ContentStore
import Glibc
import LinuxSystem
import PiscesTesting
import Synchronization
import Testing

@Suite struct FetcherTests {
    private let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    private let other = Array("other".utf8)

    private func item(_ name: String, _ bytes: [UInt8], _ uris: String...) -> Fetcher.Item {
        Fetcher.Item(name: name, digest: SHA256.hash(bytes), size: Int64(bytes.count), uris: uris)
    }

    private func withServer(
        _ body: (HTTPServer, ObjectStore) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        let server = try HTTPServer(["a.deb": self.body, "b.deb": other])
        let store = try ObjectStore(directory.path + "/the store")
        try server.serve { try body(server, store) }
    }

    private func partials(_ store: ObjectStore) throws -> [String] {
        try Descriptor.directory(store.directory + "/partial").entries().filter { $0 != "lock" }
    }

    @Test func missingItemsAreFetchedOnce() throws {
        try withServer { server, store in
            let items = [
                item("a", body, server.uri("good/a.deb")), item("b", other, server.uri("good/b.deb")),
                item("a again", body, server.uri("good/a.deb")),
            ]
            let fetcher = Fetcher(store: store, run: runTool)
            var seen: [Fetcher.Progress] = []
            try fetcher.fetch(items) { seen.append($0) }
            #expect(try store.open(SHA256.hash(body))?.readToEnd() == body)
            #expect(try store.open(SHA256.hash(other))?.readToEnd() == other)
            #expect(server.requests.sorted() == ["/good/a.deb", "/good/b.deb"])
            #expect(seen.last?.items == 3)
            #expect(seen.last?.bytes == seen.last?.totalBytes)
            #expect(seen.last?.totalBytes == 200_005)
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.bytes <= $1.bytes && $0.items <= $1.items })
            let left = try partials(store)
            #expect(left == [])

            try Fetcher(store: store, isOffline: true, run: refuse).fetch(items)
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: ["corrupt", "short"])
    func otherContentIsRefusedByName(manner: String) throws {
        try withServer { server, store in
            let uri = server.uri("\(manner)/a.deb")
            let error = #expect(throws: FetchError.self) {
                try Fetcher(store: store, run: runTool).fetch([item("bash 5.2", body, uri)])
            }
            let text = error?.description ?? ""
            #expect(text.contains("bash 5.2: \(uri): wanted SHA-256 \(SHA256.hash(body)), got "))
            #expect(text.contains("200000 bytes, got 100000") == (manner == "short"))
            #expect(store.contains(SHA256.hash(body)) == false)
            let left = try partials(store)
            #expect(left == [])
        }
    }

    @Test func nextCandidateIsTried() throws {
        try withServer { server, store in
            let items = [
                item("a", body, server.uri("missing/a.deb"), server.uri("corrupt/a.deb"), server.uri("good/a.deb")),
                item("b", other, server.uri("missing/b.deb"), server.uri("good/b.deb")),
            ]
            try Fetcher(store: store, workers: 1, run: runTool).fetch(items)
            #expect(store.contains(SHA256.hash(body)) && store.contains(SHA256.hash(other)))
        }
    }

    @Test func everyFailureIsTold() throws {
        try withServer { server, store in
            let (first, second) = (server.uri("missing/a.deb"), server.uri("corrupt/a.deb"))
            let error = #expect(throws: FetchError.self) {
                try Fetcher(store: store, run: runTool).fetch([
                    item("a", body, first, second), item("b", other, server.uri("good/b.deb")), item("c", [1]),
                ])
            }
            guard case .failed(let lines) = error else { return }
            #expect(lines.count == 3)
            #expect(lines[0].hasPrefix("a: \(first): 404  Not Found"))
            #expect(lines[1].hasPrefix("a: \(second): wanted SHA-256"))
            #expect(lines[2] == "c: there is no place to fetch it from")
            #expect(store.contains(SHA256.hash(other)), "what could be had is kept")
        }
    }

    @Test func brokenOffDownloadGoesOn() throws {
        try withServer { server, store in
            let item = item("a", body, server.uri("good/a.deb"))
            try leavePartial(store, item, Array(body[..<50_000]))
            try Fetcher(store: store, run: runTool).fetch([item])
            #expect(try store.open(item.digest)?.readToEnd() == body)
            #expect(server.requests == ["/good/a.deb Range: bytes=50000-"])
        }
    }

    @Test func wrongBeginningIsThrownAway() throws {
        try withServer { server, store in
            let item = item("a", body, server.uri("good/a.deb"))
            try leavePartial(store, item, [UInt8](repeating: 0, count: 50_000))
            try Fetcher(store: store, run: runTool).fetch([item])
            #expect(try store.open(item.digest)?.readToEnd() == body)
            #expect(server.requests.last == "/good/a.deb")
        }
    }

    @Test func completeButUnadoptedDownloadNeedsNoNetwork() throws {
        try withServer { server, store in
            let item = item("a", body, server.uri("good/a.deb"))
            try leavePartial(store, item, body)
            try Fetcher(store: store, run: refuse).fetch([item])
            #expect(store.contains(item.digest))
        }
    }

    @Test func damagedObjectIsFetchedAgain() throws {
        try withServer { server, store in
            let item = item("b", other, server.uri("good/b.deb"))
            try makeDirectories(parentDirectory(of: store.path(of: item.digest)))
            try AtomicFile.write([1, 2], to: store.path(of: item.digest))
            try Fetcher(store: store, run: runTool).fetch([item])
            #expect(try store.open(item.digest)?.readToEnd() == other)
        }
    }

    @Test func offlineListsAllThatIsMissing() throws {
        try withServer { server, store in
            try store.put(other)
            let items = [
                item("a", body, server.uri("good/a.deb")), item("b", other, server.uri("good/b.deb")),
                item("c", [1], server.uri("good/c.deb")),
            ]
            #expect(throws: FetchError.missing([items[0], items[2]])) {
                try Fetcher(store: store, isOffline: true, run: refuse).fetch(items)
            }
            #expect(server.requests == [])
        }
    }

    @Test func localFilesAreCopied() throws {
        let directory = try TemporaryDirectory()
        let store = try ObjectStore(directory.path + "/store")
        try AtomicFile.write(other, to: directory.path + "/a +%41.deb")
        let uri = Fetcher.uri("file:", directory.path + "/a +%41.deb")
        #expect(uri.hasSuffix("/a%20%2b%2541.deb"))
        try Fetcher(store: store, run: refuse).fetch([item("b", other, "file:///nonexistent", uri)])
        #expect(try store.open(SHA256.hash(other))?.readToEnd() == other)
        #expect(access(directory.path + "/a +%41.deb", F_OK) == 0)
        let error = #expect(throws: FetchError.self) {
            try Fetcher(store: store, run: refuse).fetch([item("c", [1], uri)])
        }
        #expect(error?.description.contains("wanted SHA-256") == true)
    }

    @Test(arguments: [
        "ftp://a/b", "copy:/etc/passwd", "", "http://a b", "http://a\nURI: x", "file:a", "file://host/a", "file:/%",
        "file:/%zz",
        "file:/%00", "-o",
    ])
    func uriThatIsNotOneIsRefused(uri: String) throws {
        let directory = try TemporaryDirectory()
        let store = try ObjectStore(directory.path)
        let error = #expect(throws: FetchError.self) {
            try Fetcher(store: store, run: refuse).fetch([item("a", other, uri)])
        }
        #expect(error?.description.contains("a: \(uri): not a well-formed") == true)
    }

    @Test func uriOfAFileBelowARepository() {
        #expect(Fetcher.uri("http://a/debian", "pool/a_1~b+c.deb") == "http://a/debian/pool/a_1~b%2bc.deb")
        #expect(Fetcher.uri("http://a/debian/", "x") == "http://a/debian/x")
        #expect(Fetcher.uri("file:", "/a b") == "file:/a%20b")
    }

    @Test func twoFetchesIntoOneStoreDoNotDisturbEachOther() throws {
        try withServer { server, store in
            let items = [
                item("a", body, server.uri("good/a.deb")), item("b", other, server.uri("good/b.deb")),
            ]
            let errors = Mutex<[String]>([])
            let path = store.directory
            try ThreadGroup(count: 3) { _ in
                do {
                    try Fetcher(store: try ObjectStore(path), run: runTool).fetch(items)
                } catch {
                    errors.withLock { $0.append("\(error)") }
                }
            }.join()
            #expect(errors.withLock { $0 } == [])
            #expect(server.requests.count == 2)
        }
    }

    private func leavePartial(_ store: ObjectStore, _ item: Fetcher.Item, _ bytes: [UInt8]) throws {
        let path = "\(store.directory)/partial/\(item.digest)"
        try AtomicFile.write(bytes, to: path)
        var times = [
            timeval(tv_sec: HTTPServer.modifiedSeconds, tv_usec: 0),
            timeval(tv_sec: HTTPServer.modifiedSeconds, tv_usec: 0),
        ]
        #expect(utimes(path, &times) == 0)
    }
}

/// For tests in which no program may run.
@Sendable private func refuse(
    _ argv: [String], _ environment: [String: String], _ input: [UInt8]?
) throws -> (status: Int32, output: [UInt8], errorOutput: [UInt8]) {
    Issue.record("\(argv) was started")
    return (1, [], [])
}
