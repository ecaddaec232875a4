import BlueprintModel
import PiscesTesting
import Testing

@testable import Copier

/// Containers that commands made, from what podman says of them.
@Suite struct InspectedContainerTests {
    private func values(_ text: String) throws -> JSONValue {
        try #require(try JSONValue(parsing: Array(text.utf8), file: "inspect").array?.first)
    }

    private func copied(_ container: String, _ image: String) throws -> InspectedContainer {
        InspectedContainer(try values(container), image: try values(image))
    }

    /// The value with another at a path of names.
    private func with(_ value: JSONValue, _ path: ArraySlice<String>, _ new: JSONValue) -> JSONValue {
        guard let name = path.first else { return new }
        var members = value.object ?? [:]
        members[name] = with(members[name] ?? .null, path.dropFirst(), new)
        return .object(members)
    }

    private let team =
        "registry.example/team/t:1@sha256:"
        + "225951b03f84ab7158da7aeeaa6f587effc07b954942b467c6cce22b984daea9"

    @Test func whatTheImageSaysNeedsNoWords() throws {
        let made = try copied(InspectOutput.plain, InspectOutput.team)
        var wanted = Blueprint.ContainerService(image: try #require(ImageReference(team)))
        (wanted.restart, wanted.autoStart) = (.no, false)
        #expect(made.name == "plain" && made.container == .service(wanted))
        #expect(made.omissions.isEmpty && made.networks.isEmpty)
    }

    @Test func whatTheCommandSaidIsInTheBlueprint() throws {
        let made = try copied(InspectOutput.served, InspectOutput.team)
        var wanted = Blueprint.ContainerService(image: try #require(ImageReference(team)))
        (wanted.restart, wanted.autoStart, wanted.network) = (.no, false, ["none"])
        // The image's entry point is `/bin/sh -c`.
        (wanted.exec, wanted.environment) = ("-x", ["L": "1"])
        #expect(made.container == .service(wanted))
    }

    @Test func whatHasNoKeyIsInAQuadletAndSecretsStayBehind() throws {
        let made = try copied(InspectOutput.web, InspectOutput.webImage)
        guard case .quadlet(let bytes, let images)? = made.container else {
            Issue.record("no quadlet: \(String(describing: made.container))")
            return
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let digest = "8e094234973e3d7ffcd99e760511260f83da8609ee4b67226ad7b6f23e039145"
        #expect(images.map(\.description) == ["registry.example/team/web:1@sha256:\(digest)"])
        #expect(
            text == """
                [Container]
                ContainerName=web
                Image=registry.example/team/web@sha256:\(digest)
                Pull=never
                PodmanArgs=--workdir=/tmp
                Label="a=b"
                PodmanArgs=--memory=67108864
                Exec=/bin/true "a b$$"
                Environment="B=2"
                PublishPort=53:53/udp
                PublishPort=127.0.0.1:8080:80
                Volume=/etc:/host:ro
                Volume=data:/data
                User=1000
                ReadOnly=true
                AddCapability=NET_ADMIN
                DropCapability=CHOWN

                [Service]
                Restart=always

                [Quadlet]
                DefaultDependencies=false

                [Install]
                WantedBy=multi-user.target

                """)
        #expect(
            made.omissions.map(\.subject) == ["web: environment DB_PASSWORD", "web: mount /data", "web: mount /host"])
        #expect(!made.omissions.contains { ($0.subject + $0.reason).contains("abc123xyz") })
    }

    @Test func anotherEntryPointAndLimitsArePodmansOptions() throws {
        let made = try copied(InspectOutput.entry, InspectOutput.team)
        guard case .quadlet(let bytes, _)? = made.container else {
            Issue.record("no quadlet: \(String(describing: made.container))")
            return
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        for line in [
            "PodmanArgs=--entrypoint=/bin/foo", "Exec=a \"b c\"", "Network=host", "PodmanArgs=--privileged",
            "PodmanArgs=--pids-limit=7", "PodmanArgs=--cpu-quota=50000", "Restart=on-failure",
        ] { #expect(lines.contains(line), "\(line) in \(lines)") }
        #expect(made.omissions.map(\.subject) == ["ep: restart"])
    }

    @Test func anImageOfNoRegistryAndAContainerOfAUnitStayBehind() throws {
        let container = try values(InspectOutput.plain)
        let image = try values(InspectOutput.team)
        let zeros = String(repeating: "0", count: 64)
        let local = with(image, ["RepoDigests"], .array([.string("localhost/t@sha256:\(zeros)")]))
        for image in [local, JSONValue.null] {
            let made = InspectedContainer(container, image: image)
            #expect(made.container == nil && made.omissions.first?.reason.contains("push it") == true)
        }
        #expect(!InspectedContainer.isMadeByUnit(container))
        let label: JSONValue = .object(["PODMAN_SYSTEMD_UNIT": "web.service"])
        #expect(InspectedContainer.isMadeByUnit(with(container, ["Config", "Labels"], label)))
        for path in [["Pod"], ["HostConfig", "NetworkMode"]] {
            let other = with(container, path[...], "container:abc")
            #expect(InspectedContainer(other, image: image).container == nil)
        }
    }

    /// As docker's documentation has it: a slash before the name, short names of its registry, networks of compose.
    @Test func dockersFormIsReadToo() throws {
        var container = try values(InspectOutput.plain)
        container = with(container, ["Name"], "/app_Web_1")
        container = with(container, ["ImageName"], .null)
        container = with(container, ["Config", "Image"], "nginx:1")
        container = with(container, ["HostConfig", "NetworkMode"], "app_default")
        let network: JSONValue = .object(["Aliases": .array(["web"])])
        container = with(container, ["NetworkSettings", "Networks"], .object(["app_default": network]))
        var image = try values(InspectOutput.team)
        let digest = String(repeating: "1", count: 64)
        image = with(image, ["RepoDigests"], .array([.string("nginx@sha256:\(digest)")]))
        let made = InspectedContainer(container, image: image)
        #expect(made.name == "app-web-1" && Array(made.networks.keys) == ["app-default.network"])
        guard case .quadlet(let bytes, let images)? = made.container else {
            Issue.record("no quadlet: \(String(describing: made.container)) \(made.omissions)")
            return
        }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(images.map(\.description) == ["docker.io/library/nginx:1@sha256:\(digest)"])
        #expect(text.contains("Network=app-default.network\n") && text.contains("=--network-alias=web\n"))
    }
}

/// The programs are asked only where there is something to ask.
@Suite struct MadeContainersTests {
    private static let list = "/var/lib/containers/storage/overlay-containers/containers.json"

    @Test func podmanIsAskedOfTheRunningSystemOnly() throws {
        let tree = try Tree([Self.list: "[{}]"])
        for isRunning in [true, false] {
            var reading = Reading(root: try tree.root(), identity: .same, isRunning: isRunning)
            var blueprint = Blueprint(name: "x")
            try reading.readMadeContainers(
                { argv, _, _ in
                    #expect(isRunning && argv.first == "timeout")
                    switch argv.dropFirst(4).prefix(2).joined(separator: " ") {
                    case "container ls": return (0, Array("abc\n".utf8), [])
                    case "container inspect": return (0, Array(InspectOutput.plain.utf8), [])
                    default: return (0, Array(InspectOutput.team.utf8), [])
                    }
                }, into: &blueprint)
            #expect(Array(blueprint.containers.keys) == (isRunning ? ["plain"] : []))
            #expect(reading.report.omissions.map(\.kind) == (isRunning ? [] : ["containers"]))
        }
    }

    @Test func aProgramThatFailsIsNamedAndNoneIsNotMissed() throws {
        let (full, empty) = (try Tree([Self.list: "[{}]"]), try Tree([Self.list: "[]"]))
        var reading = Reading(root: try full.root(), identity: .same, isRunning: true)
        var blueprint = Blueprint(name: "x")
        try reading.readMadeContainers({ _, _, _ in (125, [], Array("no\nrights".utf8)) }, into: &blueprint)
        #expect(reading.report.omissions.map(\.subject) == ["podman"] && blueprint.containers.isEmpty)
        var other = Reading(root: try empty.root(), identity: .same, isRunning: true)
        try other.readMadeContainers(
            { argv, _, _ in
                Issue.record("\(argv)")
                return (0, [], [])
            }, into: &blueprint)
        #expect(other.report.omissions.isEmpty)
    }
}
