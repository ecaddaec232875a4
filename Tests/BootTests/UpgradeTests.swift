import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

/// Upgrades of a device in place, from the first refusal to the last fallback, as an operator lives through them.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct UpgradeTests {
    /// One device for all of this: a boot takes most of a test's time.
    @Test func deviceIsUpgradedCommittedAndTakenBack() throws {
        let device = try Device(generations: ["good"])
        let guest = try device.boot()
        _ = try guest.waitForBoot()
        #expect(try guest.run("systemctl is-system-running --wait || true") == "running")
        try guest.run("mkdir -p /run/stick && mount -o ro /dev/vdb /run/stick")
        let identity = try guest.run("cat /etc/machine-id; ssh-keyscan -t ed25519 127.0.0.1 2> /dev/null")

        try expectLookingHindersNobody(guest)
        try expectRefusals(guest)
        try expectInterruptedUpgradeGoesOn(guest)
        try expectCommittedOverTheNetwork(guest, device.bodies, identity: identity)
        try expectTakenBack(guest, identity: identity)
    }

    @Test(arguments: ["sick", "panics", "hangs", "stuck"])
    func deviceFallsBackByItselfFromWhatDoesNotWork(_ name: String) throws {
        let device = try Device(generations: ["good", name])
        defer { withExtendedLifetime(device) {} }
        let guest = try device.boot()
        _ = try guest.waitForBoot()
        try expectFallback(guest, from: name)
    }

    @Test func deviceFallsBackByItselfFromDamage() throws {
        let device = try Device(generations: ["good"])
        let guest = try device.boot()
        _ = try guest.waitForBoot()
        try expectFallbackFromDamagedRoot(guest)
        try expectFallbackFromDamagedKernelImage(guest, device)
    }

    // MARK: - Before anything is changed

    /// Monitoring asks again and again, and the system partition has one file system only.
    private func expectLookingHindersNobody(_ guest: borrowing Guest) throws {
        let said = try guest.run(
            """
            { for round in $(seq 8); do pisces status > /dev/null || echo "cannot look"; done; } &
            for round in $(seq 8); do pisces cancel 2>&1 | grep -v 'no upgrade is under way'; done
            wait
            """)
        #expect(said == "")
    }

    private func expectRefusals(_ guest: borrowing Guest) throws {
        // Manifests without their artefacts, and one whose kernel image was cut off.
        try guest.run(
            """
            set -e
            cd /run && mkdir bad && cd bad
            for name in foreign arm64 large; do
                mkdir $name && ln -s /run/stick/good/device_* $name && cp /run/stick/$name/manifest.json* $name
            done
            mkdir unsigned && ln -s /run/stick/good/device_* unsigned && cp /run/stick/good/manifest.json unsigned
            mkdir cut && ln -s /run/stick/good/* cut && rm cut/*.efi
            head -c 1000000 /run/stick/good/*.efi > cut/$(basename /run/stick/good/*.efi)
            """)
        let before = try guest.run("sha256sum < /dev/vda1; pisces status --json; head -c 17408 /dev/vda | sha256sum")
        func expectRefused(_ source: String, _ words: String...) throws {
            let said = try guest.ssh("pisces upgrade \(source)")
            let text = String(decoding: said.errorOutput, as: UTF8.self)
            #expect(said.status == .exited(1), "\(source)")
            for word in words { #expect(text.contains(word), "\(source): \(text)") }
        }
        try expectRefused("/run/bad/foreign", "nobody whom this machine trusts")
        try expectRefused("/run/bad/unsigned", "not signed")
        try expectRefused("/run/bad/arm64", "is for arm64", "this machine is amd64")
        try expectRefused("/run/bad/large", "2147483648 bytes", "1073741824")
        try expectRefused("/run/bad/cut", "1000000 bytes")
        try expectRefused("/run/bad/nowhere", "No such file")

        try guest.run("fallocate -l $(df --output=avail -B1 /var | tail -1) /var/full || true")
        try guest.run("dd if=/dev/zero of=/var/full2 bs=64K 2> /dev/null || true; sync")
        try expectRefused("/run/stick/good", "/var/lib/pisces", "free")
        try guest.run("rm /var/full /var/full2 && sync")
        #expect(
            try guest.run("sha256sum < /dev/vda1; pisces status --json; head -c 17408 /dev/vda | sha256sum") == before)

        try guest.run("systemctl start efi.mount && fallocate -l 215M /efi/full && systemctl stop efi.mount")
        try expectRefused("/run/stick/good", "are free", "kernel image")
        try guest.run("systemctl start efi.mount && rm /efi/full && systemctl stop efi.mount")
        #expect(try #require(try guest.status()).phase == "idle")
    }

    private func expectInterruptedUpgradeGoesOn(_ guest: borrowing Guest) throws {
        let cut = try guest.ssh("timeout -s KILL 6 pisces upgrade /run/stick/good")
        #expect(cut.status != .exited(0))
        #expect(try #require(try guest.status()).phase == "writing")
        try guest.run("pisces upgrade /run/stick/good")
        #expect(try #require(try guest.status()).phase == "staged")
        try guest.run("pisces flip && pisces flip && pisces cancel && pisces cancel")
        #expect(try #require(try guest.status()).phase == "idle")
    }

    // MARK: - There and back

    private func expectCommittedOverTheNetwork(
        _ guest: borrowing Guest, _ bodies: [String: [UInt8]], identity: String
    ) throws {
        // What a person changes on a device.
        try guest.run(
            """
            set -e
            echo here > /etc/drift; rm /etc/issue; echo '# mine' >> /etc/motd
            useradd --create-home person
            """)
        let server = try HTTPServer(bodies)
        var status: DeviceStatus?
        try server.serve {
            // The host's loopback, as the guest sees it.
            try guest.run("pisces upgrade --flip http://10.0.2.2:\(server.port)/good/")
            _ = try guest.ssh("systemctl reboot")
            status = try DeviceStatus.settled(guest) { $0.phase == "committed" && $0.booted == $0.good }
        }
        #expect(status?.booted == 3)
        #expect(try guest.run("systemctl is-system-running --wait || true") == "running")
        // What both changed stays as it is here; the lists of accounts are merged.
        #expect(try guest.run("tail -1 /etc/motd") == "# mine")
        #expect(try guest.run("cat /etc/drift; ls /etc/issue 2>&1 || true").hasPrefix("here\nls: cannot access"))
        #expect(try guest.run("id -un person && getent shadow person | cut -d: -f1") == "person\nperson")
        #expect(try guest.run("cat /etc/machine-id; ssh-keyscan -t ed25519 127.0.0.1 2> /dev/null") == identity)
        // A wanted check that fails takes nothing back, and is told of.
        #expect(try guest.run("pisces health || true").contains("✗"))
        #expect(try guest.run("pisces doctor | grep '^✓ counting'").contains("trial of generation 3"))
        #expect(try guest.run("pisces verify 2>&1 | grep -c '^✓'") == "2")
    }

    private func expectTakenBack(_ guest: borrowing Guest, identity: String) throws {
        try guest.run("echo later > /etc/later")
        _ = try guest.ssh("pisces rollback")
        let status = try DeviceStatus.settled(guest) { $0.booted == 1 }
        #expect(status.phase == "failed" && status.good == 1)
        #expect(try guest.run("cat /etc/drift; ls /etc/later 2>&1 || true").hasPrefix("here\nls: cannot access"))
        #expect(try guest.run("cat /etc/machine-id; ssh-keyscan -t ed25519 127.0.0.1 2> /dev/null") == identity)
        try guest.run(
            "systemctl is-system-running --wait || true; mkdir -p /run/stick && mount -o ro /dev/vdb /run/stick")
        // The floor has risen with the commit, and stays. Files bear their release in their names.
        try guest.run(
            """
            mkdir /run/older && cp /run/stick/older/manifest.json* /run/older
            for file in /run/stick/good/device_*; do
                ln -s $file /run/older/$(basename $file | sed 's/device_[0-9]*/device_5/')
            done
            """)
        let older = try guest.ssh("pisces upgrade /run/older")
        #expect(String(decoding: older.errorOutput, as: UTF8.self).contains("older than release"))
        let said = try guest.ssh("pisces upgrade /run/stick/good")
        #expect(String(decoding: said.errorOutput, as: UTF8.self).contains("failed before"))
        try guest.run("pisces upgrade --insist /run/stick/good && pisces cancel")
    }

    // MARK: - Fallbacks

    /// A generation that does not become healthy uses up its tries, and the one before runs again.
    private func expectFallback(_ guest: borrowing Guest, from name: String) throws {
        try guest.run("mkdir -p /run/stick && mount -o ro /dev/vdb /run/stick")
        _ = try guest.ssh("pisces upgrade --reboot --tries 2 /run/stick/\(name)")
        let status = try DeviceStatus.settled(guest) { $0.phase == "failed" && $0.booted == 1 }
        #expect(status.good == 1, "\(name)")
        #expect(status.json["failures"]?.array?.last?["reason"]?.string == "exhausted", "\(name)")
        #expect(try guest.run("systemctl is-system-running --wait || true") == "running", "\(name)")
        if name == "sick" { #expect(try guest.run("pisces status").contains("never")) }
    }

    /// Bits of the root that change after the flip are found by dm-verity, which restarts the machine.
    private func expectFallbackFromDamagedRoot(_ guest: borrowing Guest) throws {
        try guest.run("mkdir -p /run/stick; mountpoint -q /run/stick || mount -o ro /dev/vdb /run/stick")
        try guest.run("pisces upgrade --flip --tries 2 /run/stick/good")
        try guest.run("dd if=/dev/urandom of=/dev/vda4 bs=1M count=4 seek=2 conv=fsync")
        _ = try guest.ssh("systemctl reboot")
        let status = try DeviceStatus.settled(guest) { $0.phase == "failed" && $0.booted == 1 }
        #expect(status.good == 1)
    }

    /// A kernel image that changes after the flip is not started, and the boot loader goes back to the firmware. What that
    /// does then is its own: this one opens a shell and waits. Each time the machine is switched on takes a try.
    private func expectFallbackFromDamagedKernelImage(_ guest: consuming Guest, _ device: Device) throws {
        try guest.run("mkdir -p /run/stick; mountpoint -q /run/stick || mount -o ro /dev/vdb /run/stick")
        try guest.run("pisces upgrade --insist --flip --tries 2 /run/stick/good")
        try guest.run(
            """
            set -e
            systemctl start efi.mount
            dd if=/dev/zero of=/efi$(sed -n 's/^linux //p' /efi/loader/entries/pisces-*+2.conf) bs=1M count=1 \
                conv=notrunc,fsync
            systemctl stop efi.mount
            """)
        _ = try guest.ssh("systemctl reboot")
        for _ in 1...2 {
            _ = try guest.waitForConsole("Shell>")
            try guest.cutPower()
            guest = try device.boot()
        }
        let status = try DeviceStatus.settled(guest) { $0.phase == "failed" && $0.booted == 1 }
        #expect(status.good == 1)
    }
}
