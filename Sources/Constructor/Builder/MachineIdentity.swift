import LinuxSystem

extension Customization {
    /// Where the initrd keeps what makes a machine itself; shared by its generations, absent from every image.
    static let identity = "/var/lib/pisces/identity"

    /// Has an ssh server make its host keys at first boot in the identity layer, where they survive an upgrade.
    func makeMachineIdentity() throws {
        guard root.exists("usr/sbin/sshd") else { return }
        let keys = "\(Self.identity)/etc/ssh"
        try root.write(
            """
            # A machine's keys belong to the machine, not to the generation that it runs.
            HostKey \(keys)/ssh_host_ed25519_key
            HostKey \(keys)/ssh_host_ecdsa_key
            HostKey \(keys)/ssh_host_rsa_key

            """, to: "etc/ssh/sshd_config.d/10-pisces-identity.conf")
        try root.write(
            """
            [Unit]
            Description=Make this machine's ssh host keys
            ConditionPathExists=!\(keys)/ssh_host_rsa_key
            RequiresMountsFor=\(keys)
            Before=ssh.service ssh.socket

            [Service]
            Type=oneshot
            RemainAfterExit=yes
            ExecStart=/usr/bin/mkdir -p \(keys)
            ExecStart=/usr/bin/ssh-keygen -A -f \(Self.identity)

            [Install]
            WantedBy=ssh.service ssh.socket

            """, to: "usr/lib/systemd/system/pisces-ssh-keys.service")
        try tool(["systemctl", "enable", "pisces-ssh-keys.service"], making: "ssh host keys")
    }
}
