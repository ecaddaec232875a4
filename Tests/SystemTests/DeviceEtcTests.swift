import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests.DeviceTests {
    /// What a person changes on a device before the flip.
    private static let changes = """
        echo mine > /etc/motd                         # the new generation changes it, too
        echo mine > /etc/mine; chmod 640 /etc/mine; chown 1234:2345 /etc/mine
        setfattr -n user.note -v kept /etc/mine
        setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 /etc/mine
        ln -s mine /etc/link; ln /etc/mine /etc/mine-too
        mkdir -p /etc/own.d/deep; chmod 2750 /etc/own.d; chown 0:2345 /etc/own.d; echo a > /etc/own.d/deep/file
        chmod 700 /etc/node                           # a directory of the image
        rm /etc/issue                                 # both generations have it, the same
        rm -r /etc/skel && mkdir /etc/skel && echo only > /etc/skel/only
        echo me:x:1700:1700:Me:/home/me:/bin/sh >> /etc/passwd
        echo me:x:1700: >> /etc/group
        sed -i 's|^alice:\\(.*\\):[^:]*$|alice:\\1:/bin/false|' /etc/passwd
        sed -i /^carol:/d /etc/shadow
        """

    /// What is asked of `/etc`, in a form that is easily compared.
    private static let questions = """
        cd /etc
        cat motd fresh mine own.d/deep/file skel/only 2>&1 || true
        stat -c '%n %a %u:%g %F' mine own.d own.d/deep node node/token issue skel node/latest 2>&1 || true
        getfattr --absolute-names -d -m '^(user|security)' mine
        readlink link; cmp mine mine-too && echo same; ls -A skel
        grep -E '^(me|alice|dora):' passwd group; grep -cE '^(carol|dora):' shadow || true
        od -An -tx1 node/token
        """

    @Test func changesOfEtcAreMergedIntoTheNewGenerationAndTheOldOneKeepsItsOwn() throws {
        let device = try makeDevice()
        try device.shell(Self.changes)
        let old = try device.shell(Self.questions)
        #expect(try device.pisces("upgrade", releases["next"]).isDone())
        let flip = try device.pisces("flip")
        let conflict = "warning: /etc/motd: changed here and by the new generation: stays as it is here"
        #expect(flip.isDone(conflict), flip.text)
        #expect(flip.errorLines.filter { $0.contains("warning:") }.count == 1, flip.text)
        let merged = try layer(device, 2)

        // Another flip, and one after all was cancelled, come to the same.
        #expect(try device.pisces("flip").isDone())
        #expect(try layer(device, 2) == merged)
        #expect(try device.pisces("cancel").isDone())
        let again = try device.pisces("upgrade", "--flip", releases["next"])
        #expect(again.isDone("generation 3 is staged", conflict), again.text)
        #expect(try layer(device, 3) == merged)

        try device.reboot()
        // What is changed on trial is the new generation's alone.
        let new = try device.shell(Self.questions)
        #expect(
            new == """
                mine
                fresh
                mine
                a
                only
                mine 640 1234:2345 regular file
                own.d 2750 0:2345 directory
                own.d/deep 755 0:0 directory
                node 700 \(try owner("node", device)) directory
                node/token 640 \(try owner("node/token", device)) regular file
                stat: cannot statx 'issue': No such file or directory
                skel 755 0:0 directory
                stat: cannot statx 'node/latest': No such file or directory
                # file: mine
                security.capability=0sAQAAAgAEAAAAAAAAAAAAAAAAAAA=
                user.note="kept"

                mine
                same
                only
                passwd:alice:x:1500:1500:Alice Example:/home/alice:/bin/false
                passwd:dora:x:1800:1800::/home/dora:/bin/sh
                passwd:me:x:1700:1700:Me:/home/me:/bin/sh
                group:alice:x:1500:
                group:dora:x:1800:
                group:me:x:1700:
                1
                 00 01 02 fe

                """, "\(new)")
        try device.shell("echo later > /etc/later; pisces health --judge && pisces commit && pisces rollback --insist")
        try device.reboot()
        #expect(try device.shell("\(Self.questions)\nls /etc/later 2>&1 || true").hasPrefix(old + "ls: cannot access"))
    }

    @Test func whatIsRevertedIsAsTheGenerationHasIt() throws {
        let device = try makeDevice()
        let listing =
            "cd /etc && find . ! -path ./machine-id -printf '%p %y %m %U:%G %l\n' | sort && "
            + "find . -type f ! -path ./machine-id | sort | xargs sha256sum"
        let before = try device.shell(listing)
        try device.shell(
            """
            cd /etc; echo changed > motd; chmod 600 motd; rm hostname; ln -s motd hostname; mkdir -p own/deep; echo > own/deep/x
            rm -r ssh; echo 'no directory' > ssh; rm profile; mkdir profile; echo > profile/x; chmod 700 systemd
            """)
        let rehearsal = try device.pisces("revert", "--dry-run", "/etc/motd", "/etc/own")
        #expect(
            rehearsal.isDone()
                && rehearsal.output
                    == "restored /etc/motd\nremoved /etc/own/deep/x\nremoved /etc/own/deep\nremoved /etc/own\n",
            rehearsal.text)
        #expect(try device.shell("cat /etc/motd; ls /etc/own") == "changed\ndeep\n")
        // A path that cannot be put back: none is.
        #expect(try device.pisces("revert", "/etc/motd", "/usr/bin/sh").isRefused("only what is below /etc"))
        #expect(try device.pisces("revert", "/etc/nowhere").isRefused("neither here nor in the running generation"))
        #expect(try device.pisces("revert", "/etc/machine-id").isRefused("this machine's own"))
        #expect(try device.pisces("revert", "/etc/../usr/x").isRefused("only what is below /etc"))
        #expect(try device.shell("cat /etc/motd") == "changed\n")
        let paths = ["motd", "hostname", "own", "ssh", "profile", "systemd"].map { "/etc/\($0)" }
        let done = try device.pisces(["revert"] + paths)
        #expect(done.isDone(), done.text)
        #expect(try device.shell(listing) == before)
        let again = try device.pisces("revert", "/etc/motd")
        #expect(again.isDone("as the running generation has it") && again.output.isEmpty)
    }

    private func owner(_ path: String, _ device: Device) throws -> String {
        try device.shell("stat -c %u:%g /etc/\(path)").filter { !$0.isNewline }
    }

    /// All that is in a generation's layer, but for times.
    private func layer(_ device: Device, _ generation: Int) throws -> String {
        try run(
            "bash", "-ec",
            """
            cd '\(device.path)/state/generations/\(generation)/etc'
            find . -printf '%p %y %m %U:%G %l %n\\n' | sort
            find . -type f | sort | xargs sha256sum
            find . | sort | xargs getfattr -h -d -m - 2> /dev/null
            """)
    }
}
