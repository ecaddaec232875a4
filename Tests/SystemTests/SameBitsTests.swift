import BlueprintModel
import Disk
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Where two images of the same layout differ: what lies beside them, each partition and the rest; empty if nowhere.
func differences(between image: String, and other: String) throws -> [String] {
    var found: [String] = []
    for document in ["manifest", "spdx", "cdx"] {
        let texts = try [image, other].map { try fileText($0.dropLast(4) + ".\(document).json") }
        if texts[0] != texts[1] { found.append(document) }
    }
    if try SHA256.hash(try Descriptor.open(image)) == SHA256.hash(try Descriptor.open(other)) { return found }
    let plans = try [image, other].map { try PartitionTable.read(path: $0).plan }
    if plans[0] != plans[1] { found.append("partition table") }
    for partition in plans[0].partitions {
        let digests = try [image, other].map { try digest(of: partition, in: $0) }
        if digests[0] != digests[1] { found.append(partition.name) }
    }
    // A difference outside of partitions and table must not be lost.
    return found + ["image"]
}

private func digest(of partition: PlannedPartition, in image: String) throws -> Digest {
    let file = try Descriptor.open(image)
    var hash = SHA256()
    var offset = Int(partition.startBytes)
    while offset < Int(partition.endBytes) {
        let bytes = try file.bytes(at: offset, count: min(1 << 20, Int(partition.endBytes) - offset))
        bytes.withUnsafeBytes { hash.update($0) }
        offset += bytes.count
    }
    return hash.finish()
}

extension SystemTests {
    @Suite struct SameBitsTests {
        /// The first image was made with a lock that had no numbers of users yet, this one with the completed lock.
        @Test func otherCircumstancesGiveTheSameBits() throws {
            let site = try Site.shared.get()
            let folder = try site.makeFolder("elsewhere")
            let construct = folder.construct(site.mirror + folder.forms)
            var script = "umask 077; cd \(folder.path)/out; export TZ=Asia/Tokyo LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8; "
            var argv = ["sh", "-euc"]
            if isRoot {
                try makeOrdinaryUser()
                try run("chown", "-R", "pisces-test:", folder.path)
                script += "hostname elsewhere; "
                argv.insert(contentsOf: ["unshare", "--uts"], at: 0)
            }
            // On one CPU the packages are unpacked one after another: another order of inodes.
            script += "exec taskset --cpu-list 0 "
            if isRoot { script += "setpriv --reuid pisces-test --regid pisces-test --clear-groups -- " }
            var command = construct
            command.executable = argv[0]
            command.arguments = argv.dropFirst() + [script + construct.argv.joined(separator: " ")]
            command.environment["HOME"] = folder.path
            let outcome = try command.outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try differences(between: site.image, and: folder.output) == [])
            #expect(try differingForms(site.folder, folder) == [])
            #expect(try fileText(site.folder.lock) == fileText(folder.lock))
            if isRoot {
                let user = try Descriptor.open(folder.output).status().uid
                #expect(user != 0)
                // The user's own id is the tree's root, the first subordinate one its 1.
                let entry = try fileText("/etc/subuid").split(separator: "\n").first { $0.hasPrefix("pisces-test:") }
                let first = try #require(entry?.split(separator: ":").dropFirst().first.flatMap { UInt32($0) })
                let tree = try Descriptor.directory("\(folder.path)/out/tree")
                #expect(try tree.status().uid == user)
                #expect(try tree.openBeneath("etc/node").status(of: "token").uid == first + 1500 - 1)
            }
        }

        /// What the test above compares with can tell: one second in the lock, and all that holds a time is another.
        @Test func aSecondLaterIsSeenInEveryPartition() throws {
            let site = try Site.shared.get()
            let folder = try site.makeFolder("later")
            try folder.editLock { lines in
                guard let line = lines.firstIndex(where: { $0.hasPrefix("Epoch: ") }) else { return }
                lines[line] = "Epoch: \((Int(lines[line].dropFirst("Epoch: ".count)) ?? 0) + 1)"
            }
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            let found = try differences(between: site.image, and: folder.output)
            #expect(
                found == ["manifest", "spdx", "cdx", "partition table", "esp", "root-1", "verity-1", "data", "image"])
        }

        @Test func manifestNamesWhatIsInTheImage() throws {
            let site = try Site.shared.get()
            let manifest = try JSONValue(
                parsing: Array(try fileText(site.image.dropLast(4) + ".manifest.json").utf8), file: "manifest")
            let plan = try PartitionTable.read(path: site.image).plan
            let image = try Descriptor.open(site.image)
            for (artefact, partition) in [("root", "root-1"), ("verity", "verity-1")] {
                let entry = try #require(manifest["artefacts"]?.array?.first { $0["name"]?.string == artefact })
                let place = try #require(plan.partitions.first { $0.name == partition })
                let bytes = try image.bytes(at: Int(place.startBytes), count: try #require(entry["size"]?.integer))
                #expect(SHA256.hash(bytes).hex == entry["sha256"]?.string)
            }
            #expect(manifest["lock"]?.string == SHA256.hash(Array(try fileText(site.folder.lock).utf8)).hex)
        }
    }
}

/// Makes the ordinary user that several tests share; another process may be doing the same.
func makeOrdinaryUser() throws {
    let script = """
        for attempt in 1 2 3 4 5; do
            id pisces-test && exit 0
            useradd --no-create-home --shell /bin/sh pisces-test || sleep 1
        done
        exit 1
        """
    try run("sh", "-c", script)
}
