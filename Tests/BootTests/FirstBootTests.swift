import LinuxSystem
import Testing

/// What each machine must have of its own is in no image: its first boot makes it, and no later one makes it anew.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct FirstBootTests {
    private static let blueprint = """
        blueprint: 1
        name: server
        include: [REPOSITORY/Blueprints/minimal.yaml]
        packages: [postgresql, ssl-cert, bind9, postfix]
        """

    @Test func keysAndDatabasesAreMadeOnce() throws {
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let image = try Needs.construct("server", Self.blueprint, in: directory.path)

        var guest = try Guest(image: image, pisces: Needs.pisces)
        let first = try guest.waitForBoot()
        let made = try state(of: guest)
        _ = try? guest.run("systemctl reboot")
        _ = try guest.waitForBoot(after: first)
        #expect(try state(of: guest) == made)
        _ = try? guest.run("systemctl poweroff")
        #expect(try guest.waitForEnd() == .exited(0))
    }

    /// What tells one machine from another; all services run with it.
    private func state(of guest: borrowing Guest) throws -> String {
        #expect(try guest.run("systemctl is-system-running --wait || true") == "running")
        #expect(try guest.run("systemctl list-units --failed --no-legend --plain") == "")
        #expect(
            try guest.run("pg_lsclusters --no-header | awk '{ print $1, $2, $4, $5 }'") == "17 main online postgres")
        #expect(try guest.run("rndc status > /dev/null && postalias -q postmaster /etc/aliases") == "root")
        return try guest.run(
            """
            set -e
            openssl x509 -in /etc/ssl/certs/ssl-cert-snakeoil.pem -noout -fingerprint
            sha256sum /etc/bind/rndc.key /etc/ssl/private/ssl-cert-snakeoil.key
            cd / && runuser -u postgres -- psql -tAc 'select system_identifier from pg_control_system()'
            """)
    }
}
