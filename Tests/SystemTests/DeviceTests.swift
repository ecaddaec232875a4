import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What an operator does on a device, without a virtual machine.
    @Suite(.serialized, .enabled(if: Device.obstacle == nil, "\(Device.obstacle ?? "")")) struct DeviceTests {
        let site: Site
        let releases: Releases
        /// What a test makes goes with it.
        var path: String { "\(site.scratch)/devices" }

        init() throws {
            site = try Site.shared.get()
            releases = try Releases.shared.get()
        }

        /// A device that trusts the vendor.
        func makeDevice() throws -> Device {
            let device = try Device(site.image, in: path)
            let outcome = try device.pisces("key", "trust", releases.publicKey("vendor"))
            #expect(outcome.isDone(), outcome.text)
            return device
        }

        /// The next start boots the next generation, which becomes healthy and is committed.
        func commitNext(_ device: Device) throws {
            let upgrade = try device.pisces("upgrade", releases["next"], "--flip")
            #expect(upgrade.isDone("is booted next"), upgrade.text)
            try device.reboot()
            try device.shell("pisces health --judge && pisces commit")
            #expect(try device.phase() == "committed")
        }

        // MARK: - Hooks

        /// A hook for each point that tells where it is, and fails where it is to.
        private func installHooks(_ device: Device) throws {
            try device.shell(
                #"""
                for point in upgrade-before upgrade-after flip-before flip-after healthy unhealthy commit-after \
                    rollback-before; do
                    mkdir -p /etc/pisces/hooks.d/$point.d
                    cat > /etc/pisces/hooks.d/$point.d/tell << 'END'
                #!/bin/sh
                echo "$PISCES_POINT $PISCES_GENERATION $PISCES_SLOT $PISCES_NAME" >> /var/lib/pisces/hooks
                ! grep -qx "$PISCES_POINT" /var/lib/pisces/hooks-failing
                END
                    chmod +x /etc/pisces/hooks.d/$point.d/tell
                done
                mkdir -p /etc/pisces/health/required.d
                printf '#!/bin/sh\n! [ -e /run/pisces/sick ]\n' > /etc/pisces/health/required.d/well
                chmod +x /etc/pisces/health/required.d/well
                touch /var/lib/pisces/hooks-failing
                """#)
        }

        /// What a command comes to while the hook of a point fails.
        private func failing(_ point: String, _ device: Device, _ body: () throws -> Outcome) throws -> Outcome {
            try write("\(point)\n", to: "\(device.path)/state/hooks-failing")
            defer { try? write("", to: "\(device.path)/state/hooks-failing") }
            return try body()
        }

        /// What the hooks have told since the last time.
        private func told(_ device: Device) throws -> [String] {
            let log = "\(device.path)/state/hooks"
            defer { unlink(log) }
            return ((try? fileText(log)) ?? "").split(separator: "\n").map(String.init)
        }

        /// At each point once with a hook that fails, once without, through a whole cycle.
        @Test func hookBeforeForbidsAndHookAfterWarnsAtEachPointOfAWholeCycle() throws {
            let device = try makeDevice()
            try installHooks(device)
            func expectForbidden(_ point: String, _ command: [String], whatHooksTell told: String) throws {
                let before = try device.fingerprint()
                let outcome = try failing(point, device) { try device.pisces(command) }
                #expect(outcome.isRefused("/etc/pisces/hooks.d/\(point).d/tell: exit status 1"), outcome.text)
                #expect(try device.fingerprint() == before, "\(point)")
                #expect(try self.told(device) == [told])
            }
            func expectWarning(
                _ point: String, _ command: [String], whatHooksTell told: [String], status: Int32 = 0
            ) throws {
                let outcome = try failing(point, device) { try device.pisces(command) }
                #expect(outcome.status == .exited(status), outcome.text)
                #expect(
                    outcome.errors.contains("warning: /etc/pisces/hooks.d/\(point).d/tell: exit status 1"), outcome.text
                )
                #expect(try self.told(device) == told)
            }
            try expectForbidden(
                "upgrade-before", ["upgrade", releases["next"]], whatHooksTell: "upgrade-before 2 b node")
            #expect(try device.phase() == "idle")
            try expectWarning(
                "upgrade-after", ["upgrade", releases["next"]],
                whatHooksTell: ["upgrade-before 2 b node", "upgrade-after 2 b node"])
            try expectForbidden("flip-before", ["flip"], whatHooksTell: "flip-before 2 b node")
            #expect(try device.phase() == "staged")
            try expectWarning(
                "flip-after", ["flip"], whatHooksTell: ["flip-before 2 b node", "flip-after 2 b node"])
            #expect(try device.phase() == "armed")

            try device.reboot()
            try write("", to: "\(device.path)/run/sick")
            try expectWarning(
                "unhealthy", ["health", "--judge"], whatHooksTell: ["unhealthy 2 b node"], status: 1)
            #expect(try device.asked().last == "reboot")
            try device.reboot()
            try expectWarning("healthy", ["health", "--judge"], whatHooksTell: ["healthy 2 b node"])
            try expectWarning("commit-after", ["commit"], whatHooksTell: ["commit-after 2 b node"])
            #expect(try device.phase() == "committed")
            try expectForbidden(
                "rollback-before", ["rollback", "--insist"], whatHooksTell: "rollback-before 2 b node")
            let back = try device.pisces("rollback", "--insist")
            #expect(back.isDone("this machine restarts now"), back.text)
            #expect(try told(device) == ["rollback-before 2 b node"])
            try device.reboot()
            // The generation that failed is remembered, and not what is healthy now.
            #expect(try device.pisces("health", "--judge").isDone())
            #expect(try told(device) == ["healthy 1 a node"])
            #expect(
                try device.events() == [
                    "staged 2", "flipped 2", "unhealthy 2", "restart 2", "committed 2", "rolled-back 2", "restart 2",
                ])
        }

        @Test func whatIsRefusedRunsNoHook() throws {
            let device = try makeDevice()
            try installHooks(device)
            #expect(try device.pisces("upgrade", signedRunning(release: 9)).isRefused("this very system is running"))
            #expect(try device.pisces("flip").isRefused("no generation is staged"))
            #expect(try device.pisces("rollback").isRefused("holds no generation that was committed before"))
            #expect(try told(device) == [])
        }

        // MARK: - What may be installed

        /// What the device runs, signed by the vendor.
        func signedRunning(release: Int) throws -> String {
            try releases.variant(
                of: releases.running, in: path, named: "running-\(release)", release: release, signedBy: ["vendor"])
        }

        @Test func unattendedUpgradeIsContentWhereThereIsNothingNewAndErrorsStayErrors() throws {
            let device = try makeDevice()
            func unattended(_ source: String) throws -> Outcome {
                try device.pisces("upgrade", "--unattended", source)
            }
            let running = try signedRunning(release: 9)
            #expect(try device.pisces("upgrade", running).isRefused("this very system is running"))
            var outcome = try unattended(running)
            #expect(outcome.isDone("nothing to do: this very system is running"), outcome.text)
            #expect(try unattended(releases.running).isRefused("not signed"))
            #expect(try unattended("\(path)/nowhere").isRefused("No such file"))
            #expect(try device.phase() == "idle")

            #expect(try unattended(releases["next"]).isDone("generation 2 is staged in slot b, signed by"))
            outcome = try unattended(releases["next"])
            #expect(outcome.isDone("generation 2 is staged") && !outcome.errors.contains("write"), outcome.text)
            #expect(try device.pisces("flip").isDone())
            outcome = try unattended(releases["next"])
            #expect(outcome.isDone() && !outcome.errors.contains("write"), outcome.text)
            #expect(try device.phase() == "armed")
            #expect(try unattended(running).isRefused("generation 2 is under way: cancel it first"))
            try device.reboot()
            #expect(try unattended(releases["next"]).isDone("generation 2 is this one, and on trial already"))
            #expect(try device.pisces("rollback").isDone("this machine restarts now"))
            try device.reboot()
            #expect(try device.pisces("upgrade", releases["next"]).isRefused("failed before (rolled-back)"))
            outcome = try unattended(releases["next"])
            #expect(outcome.isDone("nothing to do: this very system failed before (rolled-back)"), outcome.text)
            #expect(try device.status()["slots"]?["b"]?["state"]?.string == "failed")
        }

        /// Has a manifest without a data schema tell of one.
        private func withData(version: Int, floor: Int) -> (String) -> String {
            {
                $0.replacing(
                    "  \"disk\": {",
                    with:
                        "  \"data-schema\": {\n    \"floor\": \(floor),\n    \"version\": \(version)\n  },\n  \"disk\": {"
                )
            }
        }

        @Test func olderReleaseAndOlderDataAreRefusedUnlessAnOperatorInsists() throws {
            let device = try makeDevice()
            // What the image's own manifest says holds before there is a record.
            let manifest = "\(device.path)/state/generations/1/manifest.json"
            let known = try fileText(manifest)
            try write(withData(version: 5, floor: 4)(known), to: manifest)
            #expect(try device.pisces("upgrade", releases["next"]).isRefused("a system of data schema 4 at least"))
            try write(known, to: manifest)
            try removeTree("\(device.path)/state/controller")
            try commitNext(device)
            #expect(try device.status()["floor"]?.integer == 8)
            let before = try device.fingerprint()
            // Both are the system that the device ran before, which knows nothing of the data that are written by now.
            let (old, newer) = (try signedRunning(release: 7), try signedRunning(release: 9))
            #expect(try device.pisces("upgrade", old).isRefused("it is older than release 8"))
            #expect(try device.pisces("upgrade", "--unattended", old).isRefused("it is older than release 8"))
            #expect(try device.pisces("upgrade", newer).isRefused("a system of data schema 2 at least"))
            #expect(try device.pisces("rollback").isRefused("a system of data schema 2 at least"))
            #expect(try device.fingerprint() == before)
            // Of the floor's own release, and of a form of data that is just new enough.
            let fitting = try releases.variant(
                of: releases.running, in: path, named: "fitting", release: 8, signedBy: ["vendor"],
                withData(version: 2, floor: 0))
            let outcome = try device.pisces("upgrade", fitting)
            #expect(outcome.isDone("generation 3 is staged in slot a"), outcome.text)
            #expect(try device.pisces("cancel").isDone("generation 3 is cancelled"))
            #expect(try device.pisces("upgrade", "--insist", old).isDone("generation 4 is staged in slot a"))
            #expect(try device.status()["floor"]?.integer == 8)
        }
    }
}
