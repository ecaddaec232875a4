import Disk
import LinuxSystem
import Testing

/// The machine that builds images builds its own generation again, on Debian 13, years later, without a network, from the
/// packages it carries; and moves to what it built.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct BuilderImageTests {
    @Test func aMachineConstructsItsOwnGenerationBitForBit() throws {
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let image = directory.path + "/builder.raw"
        let original = Needs.repository + "/Images/out/builder.raw"
        _ = try Command("cp", ["--sparse=always", original, image]).run()
        _ = try Command("truncate", ["-s", "+2G", image]).run()
        var guest = try Guest(
            image: image, pisces: Needs.pisces,
            arguments: ["--keep", "--memory", "3072", "--clock", "2031-03-04T05:06:07"])
        _ = try guest.waitForBoot()
        #expect(try guest.run("date +%Y") == "2031")
        // What the machine knows of itself is enough.
        let said = try guest.run(
            """
            set -e
            mkdir /var/tmp/again && cd /var/tmp/again
            cp /usr/lib/pisces/system/blueprint.json builder.yaml
            cp /usr/lib/pisces/system/lock builder.lock
            pisces construct builder.yaml --offline --output builder.raw 2>&1
            """)
        #expect(said.contains("root hash"), "\(said)")
        // The manifest names root, hash tree and kernel image by SHA-256; before them are the table and the ESP, behind
        // them the data with its store, and the table's copy.
        let manifest = try Descriptor.open(Needs.repository + "/Images/out/builder.manifest.json").readToEnd()
        #expect(
            try guest.run("sha256sum < /var/tmp/again/builder.manifest.json") == "\(SHA256.hash(manifest))  -")
        let places = try PartitionTable.read(path: original).plan.partitions
        let start = try #require(places.first { $0.name == "root-1" }?.startBytes)
        let end = try #require(places.first { $0.name == "data" }?.startBytes)
        for range in ["head -c \(start)", "tail -c +\(end + 1)"] {
            let wanted = try Command("sh", ["-c", "\(range) \(original) | sha256sum"]).run().text
            #expect(try guest.run("\(range) /var/tmp/again/builder.raw | sha256sum") + "\n" == wanted, "\(range)")
        }
        try expectReproduction(guest)
        _ = try? guest.run("systemctl poweroff")
        #expect(try guest.waitForEnd() == .exited(0))
    }

    /// The machine constructs its own system into its other slot and runs from there.
    private func expectReproduction(_ guest: borrowing Guest) throws {
        let rootHash = try guest.run("sed -n 's/^Root-Hash: //p' /run/pisces/boot")
        #expect(try guest.run("sed -n 's/^Slot: //p' /run/pisces/boot") == "a")
        try guest.run("cd /var/tmp/again && rm builder.raw && pisces upgrade --offline --insist --flip builder.yaml")
        _ = try guest.ssh("systemctl reboot")
        let status = try DeviceStatus.settled(guest) { $0.phase == "committed" && $0.booted == 2 }
        #expect(status.good == 2)
        #expect(try guest.run("sed -n 's/^Slot: //p' /run/pisces/boot") == "b")
        #expect(try guest.run("sed -n 's/^Root-Hash: //p' /run/pisces/boot") == rootHash)
    }
}
