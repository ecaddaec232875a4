import BlueprintModel
import Glibc
import LinuxSystem
import Testing

/// What `make test-boot` needs: the image and the release binary that `make image` leaves, and time.
enum Needs {
    static let isMet = getenv("PISCES_BOOT_TESTS") != nil
    static let repository = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))
    static let pisces = getenv("PISCES").map { String(cString: $0) } ?? repository + "/.build/release/pisces"
    static let lock = repository + "/Blueprints/minimal.lock"
    static let image = repository + "/Images/out/minimal.raw"

    static func manifest() throws -> JSONValue {
        try JSONValue(
            parsing: try Descriptor.open(repository + "/Images/out/minimal.manifest.json").readToEnd(),
            file: "minimal.manifest.json")
    }

    /// The image, in `directory`, of a blueprint in which `REPOSITORY` stands for this repository.
    static func construct(_ name: String, _ blueprint: String, in directory: String) throws -> String {
        let up = String(repeating: "../", count: directory.split(separator: "/").count)
        let text = blueprint.replacing("REPOSITORY", with: up + repository.dropFirst())
        try AtomicFile.write(Array(text.utf8), to: "\(directory)/\(name).yaml")
        _ = try Command("cp", ["\(repository)/Images/uefi.yaml", directory]).run()
        let image = "\(directory)/\(name).raw"
        _ = try Command(pisces, ["construct", "\(directory)/\(name).yaml", "--output", image]).run()
        return image
    }
}

@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct MinimalImageTests {
    /// One machine for all that a running system can be asked: a boot takes most of a test's time.
    @Test func imageBootsIsSoundKeepsItsChangesAndShutsDown() throws {
        // On a larger disk than the image, as on every device.
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let image = directory.path + "/minimal.raw"
        _ = try Command("cp", ["--sparse=always", Needs.image, image]).run()
        _ = try Command("truncate", ["-s", "+1G", image]).run()
        var guest = try Guest(image: image, pisces: Needs.pisces)
        let boot = try guest.waitForBoot()

        try expectSoundSystem(guest)
        try expectVerifiedRoot(guest)
        try expectCleanPackages(guest)
        #expect(try guest.run("pisces --version") == "pisces \(piscesVersion)")

        // The data partition took the new gigabyte.
        let dataBytes = try guest.run("df --output=size -B1 /var | tail -1")
        #expect((Int(dataBytes.filter(\.isNumber)) ?? 0) > 1 << 30, "\(dataBytes)")

        // Changes survive a reboot.
        let machine = try guest.run("cat /etc/machine-id")
        #expect(machine.utf8.count == 32)
        let hostKey = try guest.run("ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null")
        #expect(hostKey.contains("ssh-ed25519"))
        try guest.run("echo kept > /etc/pisces-test && echo kept > /var/lib/pisces-test && sync")
        _ = try? guest.run("systemctl reboot")
        _ = try guest.waitForBoot(after: boot)
        #expect(try guest.run("cat /etc/pisces-test /var/lib/pisces-test") == "kept\nkept")
        #expect(try guest.run("cat /etc/machine-id") == machine)
        #expect(try guest.run("ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null") == hostKey)
        try expectSoundSystem(guest)

        _ = try? guest.run("systemctl poweroff")
        #expect(try guest.waitForEnd() == .exited(0))
        #expect(guest.console().contains("reboot: Power down"))
    }

    private func expectSoundSystem(_ guest: borrowing Guest) throws {
        // `--wait` returns non-zero for "degraded"; the text says which.
        let state = try guest.run("systemctl is-system-running --wait || true")
        let failed = try guest.run("systemctl list-units --failed --no-legend --plain")
        #expect(state == "running")
        #expect(failed == "")
    }

    private func expectVerifiedRoot(_ guest: borrowing Guest) throws {
        let rootHash = try #require(try Needs.manifest()["root-hash"]?.string)
        #expect(try guest.run("findmnt -n -o FSTYPE /") == "erofs")
        #expect(try guest.run("findmnt -n -o MAJ:MIN /").filter { $0 != " " } == guest.run("cat /sys/block/dm-0/dev"))
        #expect(try guest.run("cat /sys/block/dm-0/dm/uuid").hasPrefix("CRYPT-VERITY-"))
        #expect(try guest.run("tr ' ' '\\n' < /proc/cmdline | grep ^roothash=") == "roothash=\(rootHash)")
        #expect(try guest.run("sed -n 's/^Root-Hash: //p' /run/pisces/boot") == rootHash)
        #expect(try guest.run("sed -n 's/^Generation: //p' /run/pisces/boot") == "1")
        // The device's own table: the pair of partitions bears the halves of the root hash.
        let uuids = try guest.run(
            "for k in Root Verity; do lsblk -n -o PARTUUID $(sed -n \"s/^$k: //p\" /run/pisces/boot); done")
        #expect(uuids.filter { $0 != "-" && !$0.isNewline } == rootHash)
        #expect(try guest.run("findmnt -n -o FSTYPE /etc") == "overlay")
        #expect(try guest.run("findmnt -n -o FSTYPE /var") == "ext4")
        #expect(try guest.run("touch /usr/x 2>&1 || true").contains("Read-only file system"))
    }

    private func expectCleanPackages(_ guest: borrowing Guest) throws {
        // An empty database would be clean, too.
        let lock = String(decoding: try Descriptor.open(Needs.lock).readToEnd(), as: UTF8.self)
        let locked = lock.split(separator: "\n").filter { $0.hasPrefix("Package: ") }.count
        #expect(try guest.run("dpkg-query -W -f '${db:Status-Abbrev}\\n' | grep -c '^ii '") == "\(locked)")
        #expect(try guest.run("dpkg --audit") == "")
        #expect(try guest.run("dpkg -V") == "")
        try guest.run("apt-get check")
        #expect(try guest.run("dpkg-query -W -f '${db:Status-Status}' pisces") == "installed")
    }
}
