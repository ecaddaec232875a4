import BlueprintModel
import LinuxSystem
import Testing

/// A machine that people have changed is copied, and what is constructed of its copy does what it did.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct CopiedMachineTests {
    /// What an operator does: a service that answers, a file, a user, and something that turns out to be wrong.
    private static let changes = """
        set -e
        printf '[Socket]\\nListenStream=7777\\nAccept=yes\\n[Install]\\nWantedBy=sockets.target\\n' \\
            > /etc/systemd/system/hello.socket
        printf '[Service]\\nExecStart=/bin/cat /etc/hello\\nStandardOutput=socket\\n' \\
            > '/etc/systemd/system/hello@.service'
        echo 'hello from the machine' > /etc/hello
        systemctl daemon-reload
        systemctl enable --now hello.socket
        useradd --create-home --groups adm keeper
        echo wrong > /etc/issue
        """

    @Test func aChangedMachineIsCopiedAndTheCopyServesWhatItServed() throws {
        let directory = try TemporaryDirectory(in: "/var/tmp")
        let key = try Guest.makeKey(directory.path + "/key")
        var guest = try Guest(image: Needs.image, pisces: Needs.pisces, key: key)
        _ = try guest.waitForBoot()
        let drift = "pisces diff --quiet --running /usr/lib/pisces/system/blueprint.json"
        let none = try guest.ssh(drift)
        // The key that lets this test in.
        #expect(none.status == .exited(1) && none.text.hasPrefix("+ users.root: {\"ssh-keys\":["), "\(none.text)")
        #expect(none.text.split(separator: "\n").count == 1, "\(none.text)")
        try guest.run(Self.changes)
        let changed = try guest.ssh(drift)
        for subject in ["files./etc/hello:", "files./etc/issue:", "units.enable: \"hello.socket\"", "users.keeper:"] {
            #expect(changed.text.contains(subject), "\(subject): \(changed.text)")
        }
        try guest.run("pisces revert /etc/issue")
        #expect(try !guest.ssh(drift).text.contains("/etc/issue"))

        // What the machine carries of its own blueprint is not looked at.
        let first = try copy(guest)
        try guest.run("mount -t tmpfs none /usr/lib/pisces/system")
        #expect(try copy(guest) == first)
        let service = "bash -c 'exec 3<> /dev/tcp/127.0.0.1/7777; cat <&3'"
        #expect(try guest.run(service) == "hello from the machine")
        _ = try? guest.run("systemctl poweroff")
        #expect(try guest.waitForEnd() == .exited(0))

        let packages = "repositories:\n  pisces: { directory: REPOSITORY/Images/out/deb }\n"
        let image = try Needs.construct("again", first + packages, in: directory.path)
        var again = try Guest(image: image, pisces: Needs.pisces, key: key)
        _ = try again.waitForBoot()
        #expect(try again.run("systemctl is-system-running --wait") == "running")
        #expect(try again.run(service) == "hello from the machine")
        #expect(try again.run("id --name --groups keeper") == "keeper adm")
        #expect(try copy(again) == first)
        _ = try? again.run("systemctl poweroff")
        #expect(try again.waitForEnd() == .exited(0))
    }

    /// The blueprint that the machine writes of itself.
    private func copy(_ guest: borrowing Guest) throws -> String { try guest.run("pisces copy --quiet") + "\n" }
}
