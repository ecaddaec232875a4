import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// A system with containers, constructed and booted: their images are in its read-only root.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct ContainerTests {
    /// Answers each request on a port with its greeting, its user and a file of its image.
    private static let program = #"""
        #include <netinet/in.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <unistd.h>

        int main(int argc, char **argv) {
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))};
            int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
            signal(SIGPIPE, SIG_IGN);
            signal(SIGTERM, exit);
            setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
            if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8)) return 1;
            for (;;) {
                char note[64] = "", byte;
                int client = accept(listener, NULL, NULL), newlines = 0;
                // To the empty line: what is left unread would break the connection.
                while (newlines < 2 && read(client, &byte, 1) == 1)
                    newlines = byte == '\n' ? newlines + 1 : byte == '\r' ? newlines : 0;
                FILE *file = fopen("/etc/note", "r");
                if (file && fgets(note, sizeof note, file)) fclose(file);
                const char *greeting = getenv("GREETING");
                dprintf(client, "HTTP/1.0 200 OK\r\n\r\n%s|%d|%s|%d", greeting ? greeting : "", (int)getuid(), note,
                        access("/etc/gone", F_OK));
                close(client);
            }
        }
        """#

    /// An index for two machines, of which this is one; the upper layer changes and hides what is below.
    private static func makeLayout(in directory: String) throws -> Digest {
        try AtomicFile.write(Array(program.utf8), to: "\(directory)/responder.c")
        try run("gcc", "-static", "-Os", "-s", "-o", "\(directory)/responder", "\(directory)/responder.c")
        var responder = TarArchive.Member.file("bin/responder", mode: 0o755)
        responder.data = try Descriptor.open("\(directory)/responder").readToEnd()
        let layout = try ContainerImageLayout(at: "\(directory)/responder.oci")
        let image = try layout.addImage(
            layers: [
                TarArchive([responder, .file("etc/note", "below"), .file("etc/gone", "")]),
                TarArchive([.file("etc/note", "above"), .file("etc/.wh.gone")]),
            ],
            config: #"{"Entrypoint":["/bin/responder"],"Cmd":["8080"]}"#)
        let other = try layout.addImage(layers: [TarArchive([.file("other")])], architecture: "arm64")
        let index = try layout.addIndex([("linux/arm64", other), ("linux/amd64", image)])
        try layout.list([(index, nil)])
        return index.digest
    }

    private static let blueprint = #"""
        blueprint: 1
        name: containers
        include: [REPOSITORY/Blueprints/minimal.yaml]
        distribution: { debian: trixie, architecture: amd64 }
        packages: [podman, crun, netavark, aardvark-dns, nftables]
        containers:
          published:
            image: localhost/responder:1
            layout: responder.oci
            publish: ["80:8080"]
            environment: { GREETING: '"$HOME" %h \n' }
            user: 1234:1234
            read-only: true
            drop-capabilities: [all]
          host:
            image: localhost/responder:1
            layout: responder.oci
            network: [host]
            exec: "9090"
          idle: { image: "localhost/responder:1", layout: responder.oci, network: [none], auto-start: false }
          back.network: { quadlet: { text: "[Network]\nSubnet=10.77.0.0/24\n" } }
          raw.container:
            quadlet:
              text: |
                [Container]
                Image=localhost/responder:1
                Network=back.network
                PublishPort=127.0.0.1:9091:8080
                [Install]
                WantedBy=multi-user.target
        """#

    @Test func containersOfTheRootStartAtBootWithoutPullingAnything() throws {
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let digest = try Self.makeLayout(in: directory.path)
        let image = try Needs.construct("containers", Self.blueprint, in: directory.path)

        var guest = try Guest(image: image, pisces: Needs.pisces)
        _ = try guest.waitForBoot()
        #expect(try guest.run("systemctl is-system-running --wait || true") == "running")
        #expect(try guest.run("systemctl list-units --failed --no-legend --plain") == "")
        #expect(try answer(guest, 80) == #""$HOME" %h \n|1234|above|-1"#)
        #expect(try answer(guest, 9090) == "|0|above|-1")
        #expect(try answer(guest, 9091) == "|0|above|-1")

        let running = try guest.run("podman ps --format '{{.Names}} {{.Image}}' | sort")
        let name = "localhost/responder@sha256:\(digest)"
        #expect(running == "host \(name)\npublished \(name)\nsystemd-raw localhost/responder:1")
        #expect(
            try guest.run("podman images --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}}'")
                == "localhost/responder:1 true")
        #expect(try guest.run("podman image inspect --format '{{json .RepoDigests}}' \(name)").contains("\"\(name)\""))
        // What podman may write to has no image, and what it may not is as it should be.
        #expect(
            try guest.run("cat /var/lib/containers/storage/overlay-images/images.json 2>/dev/null || echo '[]'") == "[]"
        )
        #expect(try guest.run("findmnt -n -o FSTYPE -T /usr/lib/containers/storage") == "erofs")
        #expect(try guest.run("journalctl -b -o cat | grep -ci 'trying to pull' || true") == "0")
        #expect(try guest.run("dpkg -V") == "")

        // One that does not start by itself, and one that comes back.
        try guest.run("systemctl start idle.service && systemctl is-active idle.service")
        try guest.run("podman kill published > /dev/null; sleep 5; systemctl is-active published.service || sleep 60")
        #expect(try answer(guest, 80).hasSuffix("|1234|above|-1"))

        _ = try? guest.run("systemctl poweroff")
        #expect(try guest.waitForEnd() == .exited(0))
    }

    /// What is said on a port of the guest, once something listens: a service is up a moment before its program is.
    private func answer(_ guest: borrowing Guest, _ port: Int) throws -> String {
        let said = try guest.run(
            """
            for attempt in $(seq 30); do
                exec 3<> /dev/tcp/127.0.0.1/\(port) && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 &&
                    timeout 20 cat <&3 && exit
                sleep 2
            done 2> /dev/null
            """)
        return String(said.split(separator: "\r\n\r\n").last ?? "")
    }
}
