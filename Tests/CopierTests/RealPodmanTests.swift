import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

/// Containers that the real podman made, in a storage of their own.
@Suite(.enabled(if: geteuid() == 0, "needs root, whose containers they are")) final class RealPodmanTests {
    private let directory: TemporaryDirectory
    private let image = "registry.example/team/app:1"
    private var storage: String { "\(directory.path)/var/lib/containers/storage" }

    init() throws {
        directory = try TemporaryDirectory()
        try makeDirectories(storage)
        let result = try shell(
            """
            set -e; cd \(directory.path); mkdir -p app/bin; echo x > app/bin/sh
            tar -C app -c . | \(podman.joined(separator: " ")) import --quiet --change 'ENTRYPOINT ["/bin/sh"]' \
                --change 'CMD ["-c", "serve"]' --change 'ENV USUAL=1' --change 'LABEL kept=1' - \(image)
            """)
        guard result.status == 0 else { throw ToolFailure(message: result.output) }
    }

    private var podman: [String] {
        [
            "podman", "--root", storage, "--runroot", "\(directory.path)/run", "--storage-driver", "vfs",
            "--cgroup-manager", "cgroupfs",
        ]
    }

    /// What a command makes that asks for all of a service.
    private func options(_ service: Blueprint.ContainerService) -> [String] {
        var words: [String] = []
        if service.restart != .no { words += ["--restart", service.restart.rawValue] }
        for (name, value) in service.environment { words += ["--env", "\(name)=\(value)"] }
        for port in service.publish { words += ["--publish", port] }
        for volume in service.volumes { words += ["--volume", volume] }
        for network in service.network { words += ["--network", network] }
        if let user = service.user { words += ["--user", user] }
        if service.readOnly { words.append("--read-only") }
        for name in service.addCapabilities { words += ["--cap-add", name] }
        for name in service.dropCapabilities { words += ["--cap-drop", name] }
        return words + [image] + (service.exec.map { $0.split(separator: " ").map(String.init) } ?? [])
    }

    private func randomService(_ random: inout SeededGenerator) throws -> Blueprint.ContainerService {
        var service = Blueprint.ContainerService(image: try #require(ImageReference(image)))
        service.restart = random.pick([.no, .onFailure, .always])
        // None of them runs.
        service.autoStart = service.restart == .always
        service.exec = random.pick([nil, "-x", "-c work --fast"])
        for name in ["MODE", "LONG_NAME", "a1"] where random.chance(40) {
            service.environment[name] = random.pick(["x", "a b", "50%", "$x", "a=b", "\\\"'", "ünï"])
        }
        service.network = random.pick([[], [], ["host"], ["none"]])
        if service.network.isEmpty {
            service.publish = random.pick([[], ["8080:80"], ["127.0.0.1:53:53/udp", "80:80"]])
        }
        service.volumes = random.pick([[], ["/etc:/host:ro", "data:/data"], ["cache:/var/cache"]])
        service.user = random.pick([nil, "1000", "1000:100"])
        service.readOnly = random.chance(30)
        service.addCapabilities = random.pick([[], ["NET_ADMIN"]])
        service.dropCapabilities = random.pick([[], ["CHOWN"], ["CHOWN", "SETUID"]])
        return service
    }

    /// What a copy of the running system has of this storage.
    private func copied() throws -> (blueprint: Blueprint, omissions: [CopyReport.Omission]) {
        var reading = Reading(root: try SourceRoot(path: directory.path), identity: .same, isRunning: true)
        var blueprint = Blueprint(name: "x")
        let podman = podman
        try reading.readMadeContainers(
            { argv, environment, input in
                // `timeout --kill-after=5 60 podman …`, but of this storage.
                #expect(argv.prefix(4).last == "podman")
                return try runTool(Array(argv.prefix(3)) + podman + argv.dropFirst(4), environment, input)
            }, into: &blueprint)
        return (blueprint, reading.report.omissions)
    }

    @Test func whatACommandAsksForIsCopied() throws {
        var random = SeededGenerator(state: 11)
        var wanted: [String: Blueprint.ContainerService] = [:]
        for number in 0..<12 {
            let service = try randomService(&random)
            wanted["app-\(number)"] = service
            let made = try runTool(
                podman + ["create", "--name", "app-\(number)"] + options(service), Command.plainEnvironment, nil)
            try #require(made.status == 0, "\(String(decoding: made.errorOutput, as: UTF8.self))")
        }
        let (blueprint, omissions) = try copied()
        #expect(blueprint.containers.keys.sorted() == wanted.keys.sorted())
        for (name, container) in blueprint.containers {
            guard case .service(var service) = container, let wanted = wanted[name] else {
                Issue.record("\(name): \(container)")
                continue
            }
            #expect(service.image.digest?.count == 64)
            service.image = wanted.image
            #expect(service == wanted, "\(name)")
        }
        let stays = omissions.filter { !$0.reason.contains("stays behind: bring it as data") }
        #expect(stays.isEmpty, "\(stays)")
    }

    @Test func whatIsNotCopiedIsTold() throws {
        let options = [
            "--name", "odd", "--stop-signal", "INT", "--ulimit", "nofile=10:10", "--umask=077", "--annotation", "a=b",
            "--env", "TERM=vt100", "--unsetenv", "USUAL", "-it", image, "--umask",
        ]
        let made = try runTool(podman + ["create"] + options, Command.plainEnvironment, nil)
        try #require(made.status == 0, "\(String(decoding: made.errorOutput, as: UTF8.self))")
        let (blueprint, omissions) = try copied()
        guard case .quadlet(let bytes, _)? = blueprint.containers["odd.container"] else {
            Issue.record("\(blueprint.containers) \(omissions)")
            return
        }
        let text = String(decoding: bytes, as: UTF8.self)
        for line in ["PodmanArgs=--unsetenv=USUAL", "Environment=\"TERM=vt100\"", "PodmanArgs=--tty", "Exec=--umask"] {
            #expect(text.contains("\(line)\n"), "\(text)")
        }
        #expect(
            omissions.map(\.subject) == ["--stop-signal", "--ulimit", "--umask", "--annotation"].map { "odd: \($0)" })
    }
}
