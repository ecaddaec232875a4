/// A small system that uses every kind of resource.
let nodeBlueprint = """
    blueprint: 1
    name: node
    distribution: { debian: trixie, architecture: amd64 }
    packages:
      install:
        - linux-image-cloud-amd64
        - systemd-boot-efi
        - systemd-sysv
        - udev
        - e2fsprogs
        - openssh-server
        - tzdata
        - pisces
      without: [initramfs-tools]
    repositories:
      own: { directory: ../deb }
    users:
      alice: {
        uid: 1500, groups: [operators, systemd-journal], comment: Alice Example,
        subuids: ["300000:1000", "400000:65536"], subgids: ["300000:1000"],
        ssh-keys: ["\(aliceKey)"]
      }
      carol: { password: { secret: carol-password }, shell: /bin/sh, home: /srv/carol, subuids: ["9000:9"], subgids: ["9000:9"] }
      meter: { system: true }
    groups:
      operators: { gid: 1600 }
      meters: { system: true }
    units:
      own:
        greeting.service:
          text: |
            [Service]
            ExecStart=/usr/bin/true
            [Install]
            WantedBy=multi-user.target
      drop-ins:
        ssh.service:
          limits.conf: { text: "[Service]\\nTasksMax=64\\n" }
      enable: [greeting.service]
      disable: [ssh.service]
      mask: [apt-daily.timer]
    files:
      /etc/motd: { text: "Welcome\\n" }
      /etc/node: { directory: true, mode: "0750", owner: meter, group: meters }
      /etc/node/token: { base64: AAEC/w==, mode: "0640", owner: alice, group: operators }
      /etc/node/latest: { symlink: ../motd }
      /usr/local/bin/report: { source: report.sh, mode: "4755" }
      /var/lib/node/state: { text: "0\\n", owner: carol, group: carol }
    network:
      hostname: node-7
      links:
        eth0: { address: [192.0.2.5/24], gateway: [192.0.2.1], dns: [192.0.2.53] }
    locale: { lang: C.UTF-8, keymap: de }
    time: { zone: Asia/Tokyo }
    kernel:
      command-line: ["console=ttyS0,115200"]
      modules: [dummy]
      sysctl: { net.ipv4.ip_forward: 1 }
    """

let aliceKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm1eVZcTgP0qM0o6l5b2O6m0k1Qv1uX0xq3nQ2b5c8d alice@example"
let reportScript = "#!/bin/sh\nuptime\n"
