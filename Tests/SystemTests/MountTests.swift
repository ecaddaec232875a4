import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What is mounted beside the image's own file systems: the Constructor writes fstab(5), the Copier reads it.
    @Suite struct MountTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        private static let mounts = """

            mounts:
              /usr/lib/data: { what: LABEL=data, type: ext4, options: [noatime, nofail], pass: 2 }
              /srv/a b: { what: "nas.example:/x y", type: nfs4 }
              /tmp: { what: tmpfs, type: tmpfs, options: [size=1g] }
              /mnt/again: { what: /usr/lib/data, type: none, options: [bind] }

            """

        /// systemd's own generator, as it runs when the system starts.
        private static let generate = """
            cd '%'; mkdir tmp/units
            chroot . env SYSTEMD_PROC_CMDLINE= /usr/lib/systemd/system-generators/systemd-fstab-generator \\
                /tmp/units /tmp/units /tmp/units
            cd tmp/units; grep -h -e ^What -e ^Where -e ^Type -e ^Options *.mount; ls remote-fs.target.requires
            rm -r ../units
            """

        @Test func whatTheConstructorWritesTheCopierReadsBack() throws {
            let folder = try site.makeFolder("mounts", blueprint: nodeBlueprint + Self.mounts, isLocked: false)
            let tree = "\(folder.path)/out/tree"
            let built = try folder.command(
                "construct", ["-o", "directory:\(tree)", "--store", Site.warmStore] + site.mirror
            ).outcome()
            #expect(built.status == .exited(0), "\(built.errors)")
            #expect(
                try fileText("\(tree)/etc/fstab") == """
                    tmpfs /tmp tmpfs size=1g 0 0
                    /usr/lib/data /mnt/again none bind 0 0
                    nas.example:/x\\040y /srv/a\\040b nfs4 defaults 0 0
                    LABEL=data /usr/lib/data ext4 noatime,nofail 0 2

                    """)
            let units = try asOwner(["sh", "-ec", Self.generate.replacing("%", with: tree)])
            #expect(
                units == """
                    What=/usr/lib/data
                    Where=/mnt/again
                    Type=none
                    Options=bind
                    What=nas.example:/x y
                    Where=/srv/a b
                    Type=nfs4
                    What=tmpfs
                    Where=/tmp
                    Type=tmpfs
                    Options=size=1g
                    What=/dev/disk/by-label/data
                    Where=/usr/lib/data
                    Type=ext4
                    Options=noatime,nofail
                    srv-a\\x20b.mount

                    """)
            try asOwner([
                "test", "-d", "\(tree)/usr/lib/data", "-a", "-d", "\(tree)/srv/a b", "-a", "-d", "\(tree)/mnt/again",
            ])

            let wanted = try Blueprint.load(folder.blueprint) { path in try Descriptor.open(path).readToEnd() }
                .blueprint
            let copied = "\(folder.path)/copy.yaml"
            try asOwner([builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "-o", copied, "--quiet"])
            let copy = try Blueprint.load(copied) { path in try Descriptor.open(path).readToEnd() }.blueprint
            #expect(copy.mounts == wanted.mounts && copy.mounts.count == 4)
            var files = wanted.files
            files["/var/lib/node/state"] = nil
            #expect(copy.files == files)

            let file = nodeBlueprint + "\nmounts: { /usr/bin/true: { what: LABEL=x } }\n"
            try write(file, to: folder.blueprint)
            try folder.fitLock()
            let refused = try folder.command(
                "construct", ["-o", "directory:\(folder.path)/out/no", "--store", Site.warmStore] + site.mirror
            ).outcome()
            #expect(refused.status == .exited(1))
            #expect(refused.errors.contains("mounts: /usr/bin/true: there is something that is no directory"))
            #expect(refused.errors.contains("to mend it: name another place"))
        }
    }
}
