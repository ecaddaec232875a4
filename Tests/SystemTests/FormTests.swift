import BlueprintModel
import Debian
import Disk
import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Those of the ``Folder/forms`` whose bits differ between two folders. Of the directory, owners are not compared: an
/// ordinary user's are subordinate ids.
func differingForms(_ folder: Folder, _ other: Folder) throws -> [String] {
    let files = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
    let scripts = [
        ("qcow2", "sha256sum node.qcow2"), ("split", "cd node; \(files)"),
        ("split-archive", "sha256sum node.split.tar"), ("tar", "sha256sum node.tar"),
        ("directory", "cd tree; find . -printf '%P %y %m %T@ %n %l\\n' | LC_ALL=C sort; \(files)"),
        ("oci", "cd node.oci; \(files)"), ("oci-archive", "sha256sum node.oci.tar"),
    ]
    return try scripts.compactMap { form, script in
        let said = try [folder, other].map { try asOwner(["sh", "-euc", "cd \($0.path)/out; \(script)"]) }
        return said[0] == said[1] ? nil : form
    }
}

extension SystemTests {
    /// Every form of output, as the tools read it that it is made for.
    @Suite struct FormTests {
        private let site: Site
        private var out: String { "\(site.folder.path)/out" }

        init() throws { site = try Site.shared.get() }

        @Test func qcow2IsTheDisk() throws {
            let image = "\(out)/node.qcow2"
            #expect(try run("qemu-img", "check", "-f", "qcow2", image).contains("No errors were found"))
            #expect(
                try run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", site.image, image)
                    == "Images are identical.\n")
        }

        @Test func splitHoldsWhatTheManifestSays() throws {
            let manifest = try JSONValue(
                parsing: Array(try fileText("\(out)/node/manifest.json").utf8), file: "manifest")
            #expect(try fileText("\(out)/node/manifest.json") == fileText("\(out)/node.manifest.json"))
            let release = try #require(manifest["release"]?.integer)
            #expect(release == manifest["epoch"]?.integer)
            let table = manifest["partitions"]?.array ?? []
            let uuid = { (name: String) in table.first { $0["name"]?.string == name }?["uuid"]?.string ?? "none" }
            let names = [
                "root": "node_\(release)_\(uuid("root-1")).root.erofs",
                "verity": "node_\(release)_\(uuid("verity-1")).verity", "uki": "node_\(release).efi",
            ]
            #expect(
                Set(try Descriptor.directory("\(out)/node").entries())
                    == Set(names.values).union(["manifest.json", "SHA256SUMS"]))
            for artefact in manifest["artefacts"]?.array ?? [] {
                let name = try #require(names[artefact["name"]?.string ?? ""])
                let file = try Descriptor.open("\(out)/node/\(name)")
                #expect(try file.status().size == artefact["size"]?.integer)
                #expect(try SHA256.hash(file).hex == artefact["sha256"]?.string)
            }
            let sums = try run("sh", "-c", "cd \(out)/node && sha256sum -c --strict SHA256SUMS")
            #expect(sums.split(separator: "\n").count == 4)
            let (root, verity) = ("\(out)/node/\(names["root"] ?? "")", "\(out)/node/\(names["verity"] ?? "")")
            let archive = try run("tar", "-tf", "\(out)/node.split.tar").split(separator: "\n").map(String.init)
            #expect(archive == ["manifest.json", names["uki"], names["root"], names["verity"]])
            let unpacked = try TemporaryDirectory(in: site.path)
            try run("tar", "-xf", "\(out)/node.split.tar", "-C", unpacked.path)
            try run("diff", "-r", "-x", "SHA256SUMS", unpacked.path, "\(out)/node")
            try run("fsck.erofs", root)
            try run("veritysetup", "verify", root, verity, manifest["root-hash"]?.string ?? "")
        }

        /// What the machine knows of the generation that it was born with: all but the number it was published under.
        @Test func imageHoldsItsManifestWithoutTheRelease() throws {
            let place = try #require(
                try PartitionTable.read(path: site.image).plan.partitions.first { $0.name == "data" })
            let scratch = try TemporaryDirectory(in: site.path)
            let data = try Descriptor.open("\(scratch.path)/data", O_RDWR | O_CREAT)
            try data.copy(
                from: try Descriptor.open(site.image), at: Int(place.startBytes), length: Int(place.sizeBytes), to: 0)
            let text = try run(
                "debugfs", "-R", "cat /lib/pisces/generations/1/manifest.json", "\(scratch.path)/data")
            var published =
                try JSONValue(
                    parsing: Array(try fileText("\(out)/node.manifest.json").utf8), file: "manifest"
                ).object ?? [:]
            #expect(published.removeValue(forKey: "release") != nil && published["command-line"]?.string != nil)
            #expect(text == JSONValue.object(published).canonical)
        }

        @Test func manifestTellsTheCommandLineOfTheKernelImage() throws {
            let names = try Descriptor.directory("\(out)/node").entries()
            let image = try #require(names.first { $0.hasSuffix(".efi") })
            let section = try run(
                "sh", "-euc", "objcopy -O binary --dump-section .cmdline=/dev/stdout \(out)/node/\(image) /dev/null")
            let manifest = try JSONValue(
                parsing: Array(try fileText("\(out)/node/manifest.json").utf8), file: "manifest")
            #expect(section == manifest["command-line"]?.string)
        }

        /// GNU tar unpacks the archive to what the directory is.
        /// Where no raw image is wanted, the disk has no name, and the others are still made from it.
        @Test(arguments: ["qcow2", "split"]) func formOfTheDiskIsMadeAloneToo(_ form: String) throws {
            let folder = try site.makeFolder("alone-\(form)")
            let path = "\(folder.path)/out/node.\(form)"
            let outcome = try folder.command("construct", ["--store", folder.store, "-o", path] + site.mirror).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try folder.outputs().contains("node.\(form)"))
            #expect(try folder.outputs().allSatisfy { !$0.hasSuffix(".raw") })
        }

        @Test(.enabled(if: isRoot, "gives files away")) func tarAndDirectoryAreTheSameTree() throws {
            let scratch = try TemporaryDirectory(in: site.path)
            try run(
                "tar", "--extract", "--file=\(out)/node.tar", "--directory=\(scratch.path)", "--numeric-owner",
                "--preserve-permissions", "--xattrs", "--xattrs-include=*")
            let tree = try FileTree.scan(try Descriptor.directory("\(out)/tree"))
            #expect(try FileTree.scan(try Descriptor.directory(scratch.path)) == tree)
            try run("diff", "-r", "--no-dereference", scratch.path, "\(out)/tree")
        }

        @Test(.enabled(if: isRoot, "reads all files")) func plainTreeIsASystemAsDebianKeepsIt() throws {
            let root = "\(out)/tree"
            let tree = try FileTree.scan(try Descriptor.directory(root))
            let lock = try Lock(parsing: Array(try fileText(site.folder.lock).utf8), file: "lock")
            #expect(
                tree["/var/lib/node/state"].map { [$0.uid, $0.gid] } == [lock.users["carol"], lock.groups["carol"]])
            #expect(tree["/etc/node/token"].map { [$0.mode, $0.uid, $0.gid] } == [0o640, 1500, 1600])
            #expect(tree["/home/alice/.ssh/authorized_keys"]?.mode == 0o600)
            #expect(tree.paths.allSatisfy { (tree[$0]?.modified ?? 0) <= lock.epoch })
            #expect(tree["/efi"] == nil && tree["/usr/lib/sysimage"] == nil)
            #expect(tree.children(of: "/dev") == [] && tree.children(of: "/run") == [])
            #expect(try run("dpkg", "--root=\(root)", "--audit") == "")
            let installed = try run("dpkg-query", "--root=\(root)", "-W", "-f", "${db:Status-Status}\n")
            #expect(installed.split(separator: "\n") == lock.packages.map { _ in "installed" })
        }

        @Test func toolsOfOCIReadTheImageAndItsArchive() throws {
            let scratch = try TemporaryDirectory(in: site.path)
            try run("skopeo", "copy", "oci:\(out)/node.oci:node", "dir:\(scratch.path)/copy")
            // The layer is the tree that the archive holds.
            let digest = try SHA256.hash(try Descriptor.open("\(out)/node.tar"))
            let seen = try ["oci:\(out)/node.oci", "oci-archive:\(out)/node.oci.tar"].map { image in
                try JSONValue(parsing: Array(try run("skopeo", "inspect", image).utf8), file: image)
            }
            #expect(seen[0]["Layers"] == .array([.string("sha256:\(digest)")]))
            #expect(seen[0] == seen[1])
            let told = site.construction.outputLines.last { $0.contains("oci-archive") } ?? ""
            #expect(told.contains(seen[0]["Digest"]?.string ?? "none"))
        }

        @Test(.enabled(if: isRoot, "gives files away")) func containerStorageTakesTheImage() throws {
            let scratch = try TemporaryDirectory(in: site.path)
            let storage = "[vfs@\(scratch.path)/store+\(scratch.path)/run]"
            try run("skopeo", "copy", "oci:\(out)/node.oci", "containers-storage:\(storage)localhost/node")
            let found = try run(
                "sh", "-c", "find \(scratch.path)/store/vfs/dir -path '*/etc/node/token' -printf '%m %U'")
            #expect(found == "640 1500")
        }

        // MARK: - Without a kernel

        @Test func blueprintWithoutKernelIsATreeAndNoDisk() throws {
            let blueprint = """
                blueprint: 1
                name: box
                distribution: { debian: trixie, architecture: amd64 }
                packages: [tzdata]
                """
            let folder = try site.makeFolder("box", blueprint: blueprint, isLocked: false)
            let (tar, tree) = ("\(folder.path)/out/box.tar", "\(folder.path)/out/tree")
            let construct = { (outputs: [String]) in
                let options = ["--store", folder.store] + outputs.flatMap { ["-o", $0] }
                return try folder.command("construct", options + site.mirror).outcome()
            }
            // No layout either.
            try run("mv", "\(folder.path)/Images", "\(folder.path)/away")
            let outcome = try construct([tar, "directory:\(tree)"])
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(outcome.output == "\(tar)\n\(tree)\n")
            #expect(try folder.outputs() == ["box.tar", "tree"])
            #expect(try run("tar", "-tf", tar).contains("\nusr/share/zoneinfo/Asia/Tokyo\n"))

            // What is there already could be replaced, and stays where that fails.
            try run("mv", "\(folder.path)/away", "\(folder.path)/Images")
            let before = try Descriptor.directory(tree).status()
            let disk = try construct(["directory:\(tree)", folder.output])
            #expect(disk.status == .exited(1))
            #expect(disk.errors.contains("no kernel is installed") && disk.errors.contains("linux-image-amd64"))
            #expect(!disk.errors.contains("configure packages"), "it is said before the time is spent")
            #expect(try folder.outputs() == ["box.tar", "tree"])
            #expect(try Descriptor.directory(tree).status() == before)
        }

        @Test func outputThatWouldDestroySomethingIsRefusedBeforeAnythingIsDone() throws {
            let folder = try site.makeFolder("foreign")
            try makeDirectories("\(folder.path)/out/home/photographs")
            for (outputs, words) in [
                (["directory:home"], "home holds something else"), (["raw:home"], "home is a directory"),
                (["a.raw", "tar:a.raw"], "in each other's place"), (["vmdk:a"], "neither its name nor a prefix"),
            ] {
                let options = outputs.flatMap { ["-o", $0] }
                var command = folder.command("construct", ["--store", folder.store] + options + site.mirror)
                command.workingDirectory = "\(folder.path)/out"
                let outcome = try command.outcome()
                #expect(outcome.status == .exited(1))
                #expect(outcome.errors.contains(words) && !outcome.errors.contains("fetch"), "\(outcome.errors)")
            }
            #expect(try folder.outputs() == ["home"])
            #expect(access("\(folder.path)/out/home/photographs", F_OK) == 0)
        }
    }
}
