import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

/// What of fstab(5) travels.
@Suite struct FstabTests {
    private func copy(_ fstab: String, _ change: (inout Copier) -> Void = { _ in }) throws -> SystemCopy {
        try Tree.debian(Tree.dpkg, ["/etc/fstab": fstab]).copy(change)
    }

    private func told(_ copy: SystemCopy) -> [String] {
        copy.report.omissions.filter { $0.kind == "mounts" }.map(\.subject)
    }

    @Test func whatIsNotTheSystemsOwnTravels() throws {
        let copy = try copy(
            """
            # a comment
            UUID=1-2 / ext4 errors=remount-ro 0 1
            UUID=1-3 /boot/efi vfat umask=0077 0 1
            UUID=1-4 none swap sw 0 0
            /swapfile swap swap defaults 0 0
            proc /proc proc defaults 0 0
            LABEL=data\t/srv/data/ ext4 defaults,noatime,nofail 0 2
              nas:/a\\040b /mnt/b\\040c nfs4
            tmpfs /tmp tmpfs size=1g 0 0
            //h/s /mnt/s cifs user=me,password=hunter22 0 0
            a /mnt/q auto context="a,b" 0 0
            b /srv/data auto
            nonsense
            """)
        var data = Blueprint.Mount(what: "LABEL=data")
        (data.type, data.options, data.pass) = ("ext4", ["noatime", "nofail"], 2)
        var (nas, temporary) = (Blueprint.Mount(what: "nas:/a b"), Blueprint.Mount(what: "tmpfs"))
        (nas.type, temporary.type, temporary.options) = ("nfs4", "tmpfs", ["size=1g"])
        #expect(copy.blueprint.mounts == ["/srv/data": data, "/mnt/b c": nas, "/tmp": temporary])
        #expect(told(copy) == [2, 3, 4, 5, 6, 10, 11, 12, 13].map { "/etc/fstab:\($0)" })
        #expect(!copy.report.omissions.contains { $0.description.contains("hunter22") })
    }

    @Test func anotherMachineHasNotThisOnesDisks() throws {
        let text = "UUID=1-2 /srv ext4\nLABEL=a /mnt/a ext4\n/dev/disk/by-id/x /mnt/x xfs\n"
        #expect(try copy(text).blueprint.mounts.count == 3)
        let offspring = try copy(text) { $0.identity = .offspring }
        #expect(Array(offspring.blueprint.mounts.keys) == ["/mnt/a"])
        #expect(told(offspring) == ["/etc/fstab:1", "/etc/fstab:3"])
    }

    /// libmount's reading of random tables is ours; and what a blueprint writes, both read again.
    @Test(arguments: 0..<4) func libmountReadsTheSame(_ seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let pieces = ["a", "b", "\\040", "\\011", "\\134", "é", "#", "=", ":", "-", ".", "\\", "\\04", "9"]
        let word = { (random: inout SeededGenerator) in
            "a" + (0..<Int.random(in: 0...4, using: &random)).map { _ in random.pick(pieces) }.joined()
        }
        var lines: [String] = []
        for number in 0..<40 {
            var fields = [word(&random), "/m\(number)/" + word(&random), "ext4"]
            if random.chance(80) { fields.append(random.pick(["defaults", "ro", "noatime,size=1g", "x-a=b"])) }
            if random.chance(50), fields.count == 4 { fields += [random.pick(["0", "1"]), random.pick(["0", "2"])] }
            lines.append(
                random.pick(["", " ", "\t"]) + fields.joined(separator: random.pick([" ", "\t", " \t "])))
            if random.chance(10) { lines.append(random.pick(["", "  ", "# x y z", " #"])) }
        }
        let tree = try Tree(["/fstab": lines.joined(separator: "\n") + "\n"])
        let ours = lines.compactMap(FstabLine.init).map { "\($0.what)|\($0.place)" }
        #expect(try Self.libmount("\(tree.path)/fstab") == ours && ours.count == 40)

        var blueprint = Blueprint(name: "x")
        for line in lines.compactMap(FstabLine.init) { blueprint.mounts[line.place] = line.mount }
        try tree.write(blueprint.fstab, to: "/again")
        let again = blueprint.fstab.split(separator: "\n").compactMap { FstabLine(String($0)) }
        #expect(Dictionary(uniqueKeysWithValues: again.map { ($0.place, $0.mount) }) == blueprint.mounts)
        #expect(try Self.libmount("\(tree.path)/again") == again.map { "\($0.what)|\($0.place)" })
    }

    /// Sources and mount points, as libmount reads them.
    private static func libmount(_ path: String) throws -> [String] {
        let result = try shell("LC_ALL=C.UTF-8 findmnt --fstab --json --list --tab-file \(path)")
        let document = try JSONValue(parsing: Array(result.output.utf8), file: "findmnt")
        return (document["filesystems"]?.array ?? []).map { entry in
            "\(entry["source"]?.string ?? "")|\(entry["target"]?.string ?? "")"
        }
    }

    @Test func oddTablesAreToldAndNeverTrap() throws {
        for text in [
            "a /b", "a b c d e f", "\\", "a / b", "a // b", "a /../b c", "a /b c d x", "\u{FEFF}",
        ] {
            let copy = try copy(text)
            #expect(copy.blueprint.mounts.isEmpty && told(copy) == ["/etc/fstab:1"], "\(text)")
        }
    }
}
