import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Controller

@Suite struct RemoteSourceTests {
    private let generation: SampleGeneration
    private let server: HTTPServer

    init() throws {
        generation = try SampleGeneration()
        server = try Self.server(generation)
    }

    private static func server(_ generation: SampleGeneration) throws -> HTTPServer {
        let files = try generation.files.map { ($0.name, $0.bytes) } + [("node.split.tar", try generation.archive)]
        return try HTTPServer(Dictionary(uniqueKeysWithValues: files))
    }

    private var patience: Patience {
        var patience = Patience()
        (patience.stallSeconds, patience.pauseMilliseconds, patience.attempts) = (1, 1, 3)
        return patience
    }

    private func source(_ folder: String, _ name: String = "") throws -> UpgradeSource {
        try UpgradeSource(server.uri("\(folder)/\(name)"), patience: patience)
    }

    /// What is said of a server with these manners, and how often it was asked.
    private func trouble(_ folder: String, _ name: String = "node.split.tar") throws -> (said: String, requests: Int) {
        // One that is over does not begin again.
        let server = try Self.server(generation)
        var said = ""
        try server.serve {
            said = words {
                let upgrade = try generation.upgrade(
                    from: try UpgradeSource(server.uri("\(folder)/\(name)"), patience: patience))
                for artefact in Artefact.allCases { _ = try readAll(upgrade, artefact) }
            }
        }
        return (said, server.requests.count)
    }

    // MARK: - Good servers

    @Test(arguments: ["good", "moved", "plain", "cut"], ["", "manifest.json", "node.split.tar"])
    func everyServerThatIsCompleteInTheEndWillDo(folder: String, name: String) throws {
        try server.serve {
            let source = try source(folder, name)
            #expect(try source.manifest == generation.manifest && source.signatures == generation.signatures)
            let upgrade = try generation.upgrade(from: source)
            for artefact in Artefact.allCases {
                #expect(try readAll(upgrade, artefact) == generation.bytes(of: artefact))
            }
            // As after an interruption.
            #expect(try readAll(upgrade, .root, from: 700_001) == Array(generation.root.dropFirst(700_001)))
        }
    }

    @Test func artefactComesInOneRequest() throws {
        try server.serve {
            let upgrade = try generation.upgrade(from: try source("good"))
            let before = server.requests.count
            _ = try readAll(upgrade, .root, pieces: 1000)
            #expect(server.requests.count == before + 1)
            #expect(try readAll(upgrade, .root, from: 600_000).count == 400_000)
            #expect(server.requests.last?.hasSuffix("Range: bytes=600000-") == true)
        }
    }

    @Test func transferGoesOnWhereItBrokeOff() throws {
        try server.serve {
            let upgrade = try generation.upgrade(from: try source("cut"))
            let before = server.requests.count
            #expect(try readAll(upgrade, .root) == generation.root)
            let ranges = server.requests.dropFirst(before).map { $0.split(separator: "=").last.map(String.init) ?? "" }
            #expect(ranges.dropFirst() == ["300000-", "600000-", "900000-"])
        }
    }

    @Test func unsignedSourceHasNoSignatures() throws {
        let server = try HTTPServer(["manifest.json": generation.manifest])
        try server.serve {
            let source = try UpgradeSource(server.uri("good/"), patience: patience)
            #expect(source.signatures == [])
        }
    }

    // MARK: - Bad servers

    @Test func missingSourceIsNamed() throws {
        #expect(try trouble("missing", "").said.contains("there is no manifest.json"))
        let archive = try trouble("missing")
        #expect(archive.said.contains("/missing/node.split.tar: the server has no such file (status 404)"))
        #expect(archive.requests == 1, "what is not there is not asked for again")
    }

    @Test func busyServerIsAskedAgainButNotForEver() throws {
        let (said, requests) = try trouble("busy")
        #expect(said.contains("status 503") && requests == 3)
    }

    @Test func serverThatNeverGetsAnywhereIsGivenUp() throws {
        let (said, requests) = try trouble("plaincut", "")
        #expect(said.contains("curl: (18)") && requests < 20, "\(said)")
    }

    @Test func stallIsGivenUp() throws {
        let (said, _) = try trouble("stall", "")
        #expect(said.contains("curl: (28)"), "\(said)")
    }

    @Test func redirectsInACircleAreGivenUp() throws {
        let (said, requests) = try trouble("round")
        #expect(said.contains("curl: (47)") && requests == 6, "\(said)")
    }

    @Test func wrongLengthIsRefusedBeforeAnythingIsRead() throws {
        #expect(try trouble("liar", "").said.contains("curl: (18)"))
        // Of the artefacts alone.
        let good = try SampleGeneration(rootBytes: 1_000_100)
        let files = try good.files
        let short = try #require(files.first { $0.name.hasSuffix(".root.erofs") })
        let server = try HTTPServer(
            Dictionary(
                uniqueKeysWithValues: files.map { ($0.name, $0.name == short.name ? generation.root : $0.bytes) }))
        try server.serve {
            let source = try UpgradeSource(server.uri("good/"), patience: patience)
            let told = words { try good.upgrade(from: source) }
            #expect(told.contains("it has 1000000 bytes") && told.contains("tells of 1000100"), "\(told)")
        }
    }

    @Test func serverWithoutLengthIsRefused() throws {
        #expect(try trouble("unknown", "").said.contains("does not tell how many bytes"))
        #expect(try trouble("unknown").said.contains("does not tell how many bytes"))
    }

    @Test func moreOrOtherThanAskedForIsAnError() throws {
        try server.serve {
            let file = RemoteFile(server.uri("more/node.split.tar"), patience)
            let size = try file.size()
            #expect(try file.bytes(in: 0..<size - 1) == generation.archive.dropLast())
            let more = words { try file.bytes(in: size - 1..<size) }
            #expect(more.contains("the server sends more than"), "\(more)")
        }
        let other = try trouble("other").said
        #expect(other.contains("the server sends another part"), "\(other)")
    }

    @Test func fileThatShrinksMeanwhileIsAnError() throws {
        try server.serve {
            let file = RemoteFile(server.uri("shrink/node.split.tar"), patience)
            let size = try file.size()
            #expect(try size == generation.archive.count)
            #expect(words { try file.read(at: size - 10, count: 10) }.contains("status 416"))
            #expect(words { try file.read(at: 0, count: 10) }.contains("it was changed meanwhile"))
        }
    }

    @Test func nobodyListeningIsToldInTheEnd() throws {
        let said = words { try UpgradeSource("http://127.0.0.1:1/", patience: patience) }
        #expect(said.contains("http://127.0.0.1:1/") && said.contains("curl: (7)"), "\(said)")
    }

    @Test func passwordsStayOutOfMessagesAndArguments() throws {
        var url = server.uri("missing/node.split.tar")
        url.replace("http://", with: "http://user:hunter2@")
        try server.serve {
            let said = words { try UpgradeSource(url + "?token=hunter3", patience: patience) }
            #expect(said.contains("/missing/node.split.tar") && !said.contains("hunter"), "\(said)")
        }
    }

    // MARK: - TLS

    /// The way curl is told: from https:// only https:// may follow.
    @Test func safeWayLeadsToNoUnsafeOne() throws {
        let directory = try TemporaryDirectory()
        let port = Int(server.port) ^ 1
        try run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", directory.path + "/k", "-out", directory.path + "/c")
        let target = server.uri("good/manifest.json")
        try AtomicFile.write(
            Array("HTTP/1.0 302 Found\r\nLocation: \(target)\r\nContent-Length: 0\r\n\r\n".utf8),
            to: directory.path + "/moved")
        var command = Command(
            "openssl", ["s_server", "-quiet", "-HTTP", "-accept", "127.0.0.1:\(port)", "-key", "k", "-cert", "c"])
        command.workingDirectory = directory.path
        (command.output, command.errorOutput) = (.discarded, .discarded)
        let running = try command.start()
        defer { withExtendedLifetime(running) {} }
        let url = "https://127.0.0.1:\(port)/moved"
        // A certificate of nobody's.
        var said = ""
        for _ in 0..<50 where !said.contains("(60)") {
            said = words { try UpgradeSource(url, patience: patience) }
            if said.contains("(7)") { _ = poll(nil, 0, 100) }
        }
        #expect(said.contains("curl: (60)") && said.contains("update-ca-certificates"), "\(said)")
        // With one that is trusted, what is refused is where it leads to.
        try server.serve {
            let plain = server.requests.count
            let configuration = Transfer.configuration(url, at: 0, count: nil, patience)
            var curl = Command("curl", ["--disable", "--cacert", directory.path + "/c", "--config", "-"])
            curl.input = .bytes(Array(configuration.utf8))
            let result = try curl.run(accepting: 0...255)
            #expect(result.status == .exited(1), "\(String(decoding: result.errorOutput, as: UTF8.self))")
            #expect(server.requests.count == plain)
        }
    }
}
