import BlueprintModel
import LinuxSystem
import Testing

/// Blueprints/edge-gateway.yaml as `make test-boot` builds it, with the image of its container from responder.yaml.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct EdgeGatewayTests {
    @Test func theGatewayFiltersForwardsAndAnswersFromItsContainer() throws {
        let outputs = Needs.repository + "/Images/out"
        let index = try JSONValue(
            parsing: try Descriptor.open("\(outputs)/responder.oci/index.json").readToEnd(), file: "index.json")
        let digest = try #require(index["manifests"]?.array?.first?["digest"]?.string)
        var guest = try Guest(image: "\(outputs)/edge-gateway.raw", pisces: Needs.pisces)
        _ = try guest.waitForBoot()

        #expect(try guest.run("systemctl is-system-running --wait || true") == "running")
        #expect(try guest.run("systemctl list-units --failed --no-legend --plain") == "")
        #expect(
            try guest.run("podman ps --format '{{.Names}} {{.Image}}'") == "responder localhost/responder@\(digest)")
        // From the machine's own address, as from outside, and as nobody but the web server's user.
        let page = try guest.run(
            """
            for attempt in $(seq 30); do
                exec 3<> /dev/tcp/$(hostname -I | cut -d ' ' -f 1)/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 &&
                    timeout 20 cat <&3 && exit
                sleep 2
            done 2> /dev/null
            """)
        #expect(page.hasSuffix("This is the edge gateway."))
        #expect(try guest.run("podman top responder user | tail -1") == "www-data")
        #expect(try guest.run("cat /proc/sys/net/ipv4/ip_forward") == "1")
        let rules = try guest.run("nft list table inet gateway")
        for rule in [
            "hook input priority filter; policy drop;", "hook forward priority filter; policy drop;", "masquerade",
        ] {
            #expect(rules.contains(rule), "\(rules)")
        }
        // Only its configuration file is another than Debian's.
        #expect(try guest.run("dpkg -V || true") == "??5?????? c /etc/nftables.conf")
        #expect(try guest.run("id -nG ops") == "ops sudo")

        _ = try? guest.run("systemctl poweroff")
        #expect(try guest.waitForEnd() == .exited(0))
    }
}
