import PiscesTesting
import Testing

@testable internal import BlueprintModel

@Suite struct ContainerTests {
    private static let digest = String(repeating: "0a", count: 32)

    static let references = ["registry.example/a@sha256:\(digest)", "localhost:5000/a/b_c:1.0@sha256:\(digest)"]
        .compactMap(ImageReference.init)

    /// Any container, as a blueprint could have it.
    static func service(_ random: inout SeededGenerator) -> Blueprint.ContainerService {
        var generator = random
        defer { random = generator }
        func some<Value>(_ values: [Value]) -> [Value] {
            Array(values.shuffled(using: &generator).prefix(Int(generator.next() % UInt64(values.count + 1))))
        }
        var service = Blueprint.ContainerService(image: references[Int(generator.next() % 2)])
        service.layout = some(["../Images/x"]).first
        service.exec = some(["serve --port 80 \"a b\" %h $$X", "[x]=y"]).first
        for name in some(["A", "_b", "C9"]) {
            let values = ["", "plain", "a \"b\" \\c\\\\ $HOME $$ %h %% 'd' é\u{301}", "=", "\\", "\"", "ends\\"]
            service.environment[name] = values.randomElement(using: &generator)
        }
        service.publish = some(["80:8080", "127.0.0.1:53:53/udp", "[::1]:1:1"])
        service.volumes = some(["/srv/a b:/a:ro", "data:/d", "%S/x:/x"])
        service.network = some(["host", "back.network"])
        service.user = some(["1000", "www-data:www", "1:2"]).first
        service.readOnly = generator.next() % 2 == 0
        service.addCapabilities = some(["NET_ADMIN", "sys_time"])
        service.dropCapabilities = some(["all"])
        service.restart = Blueprint.Restart.allCases.randomElement(using: &generator) ?? .no
        service.autoStart = generator.next() % 2 == 0
        return service
    }

    /// Any containers that can stand together.
    static func containers(_ random: inout SeededGenerator) -> [String: Blueprint.Container] {
        var containers: [String: Blueprint.Container] = [:]
        for name in ["web", "db"] where random.next() % 2 == 0 {
            var service = service(&random)
            // One image comes from one place.
            service.layout = nil
            containers[name] = .service(service)
        }
        if random.next() % 2 == 0 {
            let images = Array(references.prefix(Int(random.next() % 3)))
            containers["net.network"] = .quadlet(text: Array("[Network]\nLabel=\"é\"\n".utf8), images: images)
        }
        return containers
    }

    @Test func aContainerIsReadBackFromItsQuadlet() throws {
        var random = SeededGenerator(state: 17)
        for number in 0..<200 {
            let service = Self.service(&random)
            let text = service.quadlet(name: "n", image: "x@sha256:\(Self.digest)")
            #expect(Blueprint.ContainerService(quadlet: text, name: "n") == service, "\(text)")
            // Anything else is not ours to understand: someone wrote it.
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let changed = (lines[..<(number % lines.count)] + ["Label=x"] + lines[(number % lines.count)...])
            #expect(Blueprint.ContainerService(quadlet: changed.joined(separator: "\n"), name: "n") == nil)
            #expect(Blueprint.ContainerService(quadlet: text, name: "other") == nil)
        }
        for text in ["", "x", "[Container]\n", "[Container]\nImage=a\n", "=\n", "[\n"] {
            #expect(Blueprint.ContainerService(quadlet: text, name: "n") == nil)
        }
    }

    @Test func theQuadletSaysWhatTheBlueprintSays() throws {
        let loaded = try loadBlueprint(
            """
            containers:
              web:
                image: registry.example/team/web:2@sha256:\(Self.digest)
                exec: "serve 80"
                environment: { PORT: 80, NOTE: '5 % of $1 "x"' }
                publish: ["8080:80", 53:53/udp]
                volumes: ["/srv:/srv:ro"]
                network: [back.network]
                user: 1000:1000
                read-only: true
                add-capabilities: [NET_BIND_SERVICE]
                drop-capabilities: [all]
                restart: on-failure
              back.network: { quadlet: { text: "[Network]\\nInternal=true\\n" } }
            """)
        guard case .service(let web) = loaded.blueprint.containers["web"] else {
            Issue.record("no container")
            return
        }
        #expect(
            web.quadlet(name: "web", image: "registry.example/team/web@sha256:\(Self.digest)") == """
                [Container]
                ContainerName=web
                Image=registry.example/team/web@sha256:\(Self.digest)
                Pull=never
                Exec=serve 80
                Environment="NOTE=5 %% of $$1 \\"x\\""
                Environment="PORT=80"
                PublishPort=8080:80
                PublishPort=53:53/udp
                Volume=/srv:/srv:ro
                Network=back.network
                User=1000:1000
                ReadOnly=true
                AddCapability=NET_BIND_SERVICE
                DropCapability=all

                [Service]
                Restart=on-failure

                [Quadlet]
                DefaultDependencies=false

                [Install]
                WantedBy=multi-user.target

                [X-Pisces]
                Image=registry.example/team/web:2@sha256:\(Self.digest)

                """)
        #expect(
            loaded.blueprint.containers["back.network"]
                == .quadlet(text: Array("[Network]\nInternal=true\n".utf8), images: []))
        #expect(
            loaded.blueprint.images.map { "\($0.reference)" } == ["registry.example/team/web:2@sha256:\(Self.digest)"])
    }

    @Test func referencesAreReadToTheirParts() {
        let good: [(String, String, String?, Bool)] = [
            ("registry.example/a", "registry.example", nil, false), ("localhost/a", "localhost", nil, true),
            ("localhost:5000/a/b-c__d.e:V1.0_x-", "localhost:5000", "V1.0_x-", false),
            ("127.0.0.1:80/a--b@sha256:\(Self.digest)", "127.0.0.1:80", nil, false),
            ("Registry.Example/a:t@sha256:\(Self.digest)", "Registry.Example", "t", false),
        ]
        for (text, registry, tag, isLocal) in good {
            let reference = ImageReference(text)
            #expect(reference?.description == text)
            #expect(reference?.registry == registry)
            #expect(reference?.tag == tag)
            #expect(reference?.isLocal == isLocal)
            #expect(reference?.digest == (text.contains("@") ? Self.digest : nil))
        }
        let bad = [
            "", "a", "a/b", "busybox:1", "/a", "registry.example/", "registry.example//a", "registry.example/A",
            "registry.example/a:", "registry.example/a:-x", "registry.example/a@sha256:12", "registry.example/a@",
            "registry.example/a@sha512:\(Self.digest)", "registry.example/a@sha256:\(Self.digest.uppercased())",
            "registry.example/-a", "registry.example/a_", "registry.example/a..b", "registry.example/a___b",
            "localhost:0/a", "localhost:x/a", "localhost:70000/a", "localhost:1:2/a", "user@registry.example/a",
            "registry.example/a b", "https://registry.example/a", "registry.example/\u{301}a", "localhost:+1/a",
        ]
        for text in bad { #expect(ImageReference(text) == nil, "\(text)") }
    }

    @Test func mistakesAreNamedWithTheirPlaces() {
        let digest = Self.digest
        let image = "registry.example/a@sha256:\(digest)"
        let mistakes: [(String, String)] = [
            ("web: { image: registry.example/a:1 }", "5:17: containers.web: \"registry.example/a:1\" has no digest"),
            ("web: { image: nginx }", "is not an image's name"),
            ("web: { image: \"localhost/a@sha256:\(digest)\" }", "is in no registry: say by \"layout\" where it is"),
            ("web: { publish: [\"80:80\"] }", "wanted one of the keys image or quadlet|missing key \"image\""),
            ("web: { image: \"\(image)\", pulbish: [] }", "did you mean \"publish\"?"),
            ("web: { image: \"\(image)\", quadlet: { text: x } }", "cannot stand beside"),
            ("web: { image: \"\(image)\", exec: \"a\\\\\" }", "is not a value of a unit"),
            ("web: { image: \"\(image)\", exec: \"a\\nUser=0\" }", "is not a value of a unit"),
            ("web: { image: \"\(image)\", environment: { A B: x } }", "is not a variable"),
            ("web: { image: \"\(image)\", environment: { A: \"x\\ny\" } }", "is not a variable's value"),
            ("web: { image: \"\(image)\", user: \"a:b:c\" }", "is not a user in a container"),
            ("web: { image: \"\(image)\", restart: sometimes }", "wanted no, on-success"),
            ("web.container: { image: \"\(image)\" }", "a name with an ending is a file's"),
            ("web: { quadlet: { text: x } }", "the name of a file ends in \".container\", \".network\""),
            ("web.build: { quadlet: { text: x } }", "is not a container's name"),
            ("Web: { image: \"\(image)\" }", "is not a container's name"),
            (
                "web.container: { quadlet: { text: \"[Container]\\nImage=registry.example/a:1\\n\" } }",
                "its image \"registry.example/a:1\" is not among its \"images\""
            ),
            ("web.kube: { quadlet: { text: x }, images: [registry.example/a] }", "has no digest"),
            (
                "{ web: { image: \"\(image)\" }, web.container: { quadlet: { text: x } } }",
                "containers.web and containers.web.container are the same"
            ),
            (
                "{ web: { image: localhost/a, layout: x }, also: { image: localhost/a, layout: y } }",
                "another container has the same image from elsewhere"
            ),
        ]
        for (text, wanted) in mistakes {
            let found = problems { try loadBlueprint("containers:\n  " + text) }.joined(separator: "\n")
            #expect(wanted.split(separator: "|").contains { found.contains($0) }, "\(text): \(found)")
        }
    }

    @Test func rawFilesMayUseTheImagesOfOthers() throws {
        let loaded = try loadBlueprint(
            """
            containers:
              web: { image: localhost/a, layout: a.oci, auto-start: false }
              own.container: { quadlet: { text: "[Container]\\nImage=localhost/a\\n" } }
              other.container:
                quadlet: { text: "[Container]\\nImage=registry.example/b@sha256:\(Self.digest)\\n" }
                images: ["registry.example/b:1@sha256:\(Self.digest)"]
            """)
        let images = loaded.blueprint.images.map { "\($0.reference) \($0.layout ?? "-")" }
        #expect(images == ["localhost/a a.oci", "registry.example/b:1@sha256:\(Self.digest) -"])
    }

    @Test func includesMergeContainersAndTakeThemAway() throws {
        let files = [
            "base.yaml": """
            blueprint: 1
            containers:
              web: { image: localhost/a, layout: images/a.oci, publish: ["80:80"] }
              db: { image: localhost/b, layout: images/b.oci }
            """,
            "x.yaml": """
            blueprint: 1
            name: x
            include: [sub/../base.yaml]
            distribution: { debian: trixie, architecture: amd64 }
            without: { containers: [db] }
            containers:
              web: { publish: ["81:81"], restart: no }
            """,
        ]
        let blueprint = try load(files).blueprint
        guard case .service(let web) = blueprint.containers["web"] else {
            Issue.record("no container")
            return
        }
        #expect(blueprint.containers.count == 1)
        #expect(web.publish == ["80:80", "81:81"])
        #expect(web.layout == "images/a.oci")
        #expect(web.restart == .no)
    }
}
