import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests.DeviceTests {
    private func json(_ outcome: Outcome) throws -> JSONValue {
        try JSONValue(parsing: Array(outcome.output.utf8), file: "output: \(outcome.errors)")
    }

    private func keys(_ value: JSONValue?) -> [String] { value?.object?.keys.sorted() ?? [] }

    // MARK: - What programs read

    @Test func whatIsSaidToProgramsHasItsKeysAndStatusThroughoutACycle() throws {
        let device = try makeDevice()
        var status = try device.status()
        #expect(
            keys(status) == ["booted", "events", "failures", "floor", "good", "next", "phase", "slots"])
        #expect(keys(status["booted"]) == ["generation", "root-hash", "slot"])
        #expect(
            keys(status["slots"]?["a"])
                == ["generation", "kernel-image", "name", "release", "state", "tries-left"])
        #expect(status["slots"]?["b"] == .null && status["phase"] == "idle" && status["events"]?.array == [])

        let health = try device.pisces("health", "--json")
        #expect(health.status == .exited(0))
        #expect(
            keys(try json(health))
                == ["boot", "checks", "generation", "healthy", "notices", "time", "version"])
        #expect(
            try keys(json(health)["checks"]?.array?.first)
                == ["comparison", "importance", "milliseconds", "name", "result", "source"])
        // Nothing was judged, so nothing is kept.
        #expect(access("\(device.path)/state/health", F_OK) != 0)

        let upgrade = try device.pisces("upgrade", "--flip", "--json", releases["next"])
        #expect(upgrade.status == .exited(0) && upgrade.output.isEmpty)
        let events = try upgrade.errorLines.map { try JSONValue(parsing: Array($0.utf8), file: "event") }
        #expect(Set(events.compactMap { $0["event"]?.string }) == ["began", "advanced", "ended", "note"])
        status = try device.status()
        #expect(status["phase"] == "armed" && status["next"]?.integer == 2)
        #expect(
            status["slots"]?["b"]?["state"] == "armed, 3 tries left" && status["slots"]?["b"]?["release"]?.integer == 8)
        #expect(status["slots"]?["b"]?["tries-left"]?.integer == 3 && status["slots"]?["a"]?["tries-left"] == .null)
        try device.reboot()
        status = try device.status()
        #expect(status["booted"]?["slot"] == "b" && status["slots"]?["b"]?["tries-left"]?.integer == 2)
        #expect(try device.pisces("rollback").isDone())
        status = try device.status()
        #expect(keys(status["failures"]?.array?.first) == ["generation", "kernel-image", "reason"])
        #expect(status["failures"]?.array?.first?["reason"] == "rolled-back")
        let last = status["events"]?.array?.last
        #expect(keys(last) == ["event", "generation", "message", "time"] && last?["message"] == "restarted by pisces")
        let error = try device.pisces("flip", "--json")
        #expect(error.status == .exited(1) && error.output.isEmpty)
        let said = try JSONValue(parsing: Array((error.errorLines.last ?? "").utf8), file: "error")
        #expect(said["event"] == "error" && said["message"]?.string?.hasPrefix("refused") == true)
        #expect(try device.pisces("flip", "--tries", "1").status == .exited(64))
    }

    // MARK: - Doctor

    /// What the doctor finds bad or unproven, with one word for each.
    private func findings(_ device: Device, status: Int32) throws -> [String] {
        let outcome = try device.pisces("doctor", "--json")
        #expect(outcome.status == .exited(status), outcome.text)
        let items = try json(outcome).array ?? []
        #expect(items.allSatisfy { keys($0) == ["message", "state", "subject"] })
        #expect(
            items.compactMap { $0["subject"]?.string } == [
                "primary table", "backup table", "fallback", "space", "default entry", "counting", "watchdog", "panic",
            ])
        return items.filter { $0["state"] != "good" }.map {
            "\($0["subject"]?.string ?? "") \($0["state"]?.string ?? "")"
        }
    }

    @Test func doctorFindsEachThingThatUpgradesRestOn() throws {
        let device = try makeDevice()
        let unproven = ["counting unproven", "watchdog unproven"]
        #expect(try findings(device, status: 0) == unproven)
        /// What a shell spoils outside the device, and mends again.
        func expect(_ found: [String], _ spoil: String, _ mend: String) throws {
            let loop = try fileText("\(device.path)/loop").filter { !$0.isNewline }
            let prefix = "cd '\(device.path)'; loop=\(loop);"
            try run("sh", "-ec", "\(prefix) \(spoil)")
            #expect(try findings(device, status: 1) == found, "\(spoil)")
            try run("sh", "-ec", "\(prefix) \(mend)")
            #expect(try findings(device, status: 0) == unproven, "\(mend)")
        }
        let table = "dd if=/dev/zero of=$loop bs=512 count=1 conv=notrunc status=none"
        let save = "dd if=$loop of=saved bs=512 count=1 status=none"
        let back = "dd if=saved of=$loop bs=512 count=1 conv=notrunc status=none"
        try expect(
            ["primary table bad"] + unproven, "\(save) skip=1; \(table) seek=1", "\(back) seek=1")
        let last = "at=$(($(blockdev --getsz $loop) - 1));"
        try expect(
            ["backup table bad"] + unproven, "\(last) \(save) skip=$at; \(table) seek=$at", "\(last) \(back) seek=$at")
        try expect(
            ["fallback bad"] + unproven, "mv esp/loader/entries/pisces-1.conf .",
            "mv pisces-1.conf esp/loader/entries/")
        try expect(
            ["fallback bad"] + unproven, "mv esp/EFI/pisces .; mkdir esp/EFI/pisces",
            "rmdir esp/EFI/pisces; mv pisces esp/EFI/")
        let variable = { (name: String) in "firmware/efi/efivars/\(name)-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" }
        for name in ["LoaderEntryDefault", "LoaderEntryOneShot"] {
            try expect(["default entry bad"] + unproven, "echo x > \(variable(name))", "rm \(variable(name))")
        }
        // Boot counting is bit 4 of the features, behind the attributes.
        try expect(
            ["counting bad", "watchdog unproven"], "printf '\\0\\0\\0\\0\\17' > \(variable("LoaderFeatures"))",
            "printf '\\0\\0\\0\\0\\37' > \(variable("LoaderFeatures"))")
        try expect(
            ["counting unproven", "watchdog bad"], "echo inactive > class/watchdog/watchdog0/state",
            "echo active > class/watchdog/watchdog0/state")
        try expect(
            ["counting unproven", "watchdog bad"], "mv class/watchdog/watchdog0 .",
            "mv watchdog0 class/watchdog/")
        try expect(unproven + ["panic bad"], "echo 0 > panic", "echo 10 > panic")
        try expect(
            ["fallback bad"] + unproven, "for image in esp/EFI/pisces/*; do printf x >> $image; done",
            "truncate -s -1 esp/EFI/pisces/*.efi")
        let manifest = "\(device.path)/state/generations/1/manifest.json"
        let known = try fileText(manifest)
        unlink(manifest)
        #expect(try findings(device, status: 0) == ["fallback unproven"] + unproven)
        try write(known, to: manifest)
        let small = try device.shell(onSmall: "\(device.path)/esp", megabytes: 60, "pisces doctor || echo $?")
        #expect(small.contains("✗ space: only ") && small.hasSuffix("1\n"), "\(small)")
    }

    @Test func doctorProvesCountingAndComesBackFromAHang() throws {
        let device = try makeDevice()
        #expect(try device.pisces("doctor", "--prove-counting").isDone("this machine restarts now"))
        // A boot loader that cannot rename starts the entry and does not count.
        try write(
            try fileText("\(device.path)/run/boot").replacing(
                "Entry: pisces-1.conf", with: "Entry: pisces-canary.conf"),
            to: "\(device.path)/run/boot")
        #expect(
            try device.pisces("doctor").output.contains("✗ counting: the boot loader booted a counted entry without"))
        try device.reboot()
        #expect(try fileText("\(device.path)/run/boot").contains("Entry: pisces-canary.conf"))
        let proven = try device.pisces("doctor")
        #expect(proven.isDone() && proven.output.contains("✓ counting: the boot loader counted an entry that was made"))
        #expect(try Descriptor.directory("\(device.path)/esp/loader/entries").entries() == ["pisces-1.conf"])
        try device.reboot()
        #expect(try device.pisces("doctor").output.contains("✓ counting"))

        let log = "\(device.path)/state/controller/proofs"
        let boot = try fileText("\(device.path)/run/boot_id").filter { !$0.isNewline }
        let hanging = "{\"event\":\"hanging\",\"generation\":1,\"message\":\"\(boot)\",\"time\":1}\n"
        try write(try fileText(log) + hanging, to: log)
        #expect(try device.pisces("doctor").output.contains("? watchdog"))
        try device.reboot()
        #expect(try device.pisces("doctor").output.contains("✓ watchdog: A watchdog, 120 s: this machine came back"))
        #expect(try device.pisces("upgrade", releases["next"]).isDone())
        #expect(try device.pisces("doctor", "--prove-counting").isRefused("an upgrade is under way"))
    }

    // MARK: - Verify

    @Test func verifyHoldsBothSlotsToTheirManifests() throws {
        let device = try makeDevice()
        try commitNext(device)
        let whole = try device.pisces("verify")
        #expect(whole.isDone("✓ slot a, generation 1", "✓ slot b, generation 2") && whole.output.isEmpty, whole.text)
        let loop = try fileText("\(device.path)/loop").filter { !$0.isNewline }
        let root = try Descriptor.open("\(loop)p2", O_RDWR)
        try root.writeAll([try root.bytes(at: 5 << 20, count: 1)[0] ^ 1], at: 5 << 20)
        try root.sync()
        let images = "\(device.path)/esp/EFI/pisces"
        let good = try #require(try device.status()["slots"]?["b"]?["kernel-image"]?.string)
        try write("", to: "\(images)/\(good).efi")
        let damaged = try device.pisces("verify")
        #expect(damaged.status == .exited(1))
        #expect(damaged.errors.contains("✗ slot a, generation 1") && damaged.errors.contains("✗ slot b, generation 2"))
        #expect(
            damaged.outputLines == [
                "slot a, root, bytes \(5 << 20)..<\((5 << 20) + 4096): not what the root hash vouches for",
                "the kernel image \(good) is missing or damaged",
            ], damaged.text)
    }

    // MARK: - Full

    @Test func fullDataPartitionStopsWhatNeedsRoomAndChangesNothing() throws {
        let device = try makeDevice()
        #expect(try device.pisces("upgrade", releases["next"]).isDone())
        let entries = "ls \(device.path)/esp/loader/entries"
        // Some KiB are left: too few for what was changed in /etc.
        let said = try device.shell(
            onSmall: "/var/lib/pisces", megabytes: 24,
            """
            head -c 12M /dev/urandom > /var/lib/pisces/generations/1/etc/large
            pisces upgrade '\(releases["next"])' 2>&1 || echo upgrade $?
            pisces flip 2>&1 || echo flip $?
            pisces status --json | jq -r .phase; \(entries); ls /var/lib/pisces/generations/2
            rm /var/lib/pisces/generations/1/etc/large; pisces flip 2>&1; ls /var/lib/pisces/generations/2
            """)
        #expect(said.contains("are free, and 16 MiB are needed: remove files below /var\nupgrade 1\n"), "\(said)")
        #expect(said.contains("large: No space left on device"), "\(said)")
        #expect(said.contains("\nflip 1\nstaged\npisces-1.conf\nmanifest.json\n"), "\(said)")
        #expect(said.contains("generation 2 is booted next"), "\(said)")
    }

    @Test func fullSystemPartitionIsRefusedBeforeAnythingIsChanged() throws {
        let device = try makeDevice()
        let before = try device.fingerprint()
        let said = try device.shell(
            onSmall: "\(device.path)/esp", megabytes: 40, "pisces upgrade '\(releases["next"])' 2>&1 || echo $?")
        #expect(said.contains("but twice the kernel image's 16 MiB are needed") && said.hasSuffix("\n1\n"), "\(said)")
        #expect(try device.fingerprint() == before)
        #expect(try device.phase() == "idle")
    }
}

extension Device {
    /// Runs a shell with a directory of the device on a file system of so many MiB.
    func shell(onSmall directory: String, megabytes: Int, _ text: String) throws -> String {
        try shell(
            """
            mkdir /run/all && cp -a '\(directory)/.' /run/all
            mount -t tmpfs -o size=\(megabytes)M small '\(directory)'
            cp -a /run/all/. '\(directory)'
            \(text)
            """)
    }
}
