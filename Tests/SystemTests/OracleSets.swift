import BlueprintModel
import Glibc
import LinuxSystem

/// A set of packages that Pisces and mmdebstrap install.
enum OracleSet: String, CaseIterable {
    /// What the minimal image has.
    case minimal
    /// Hundreds of packages, chosen for what their scripts do: users, databases, caches, alternatives, diversions,
    /// registers of fonts, catalogues and words, byte-compiled modules, keys, file capabilities.
    case server
    /// What runs containers.
    case host

    /// The sets of this run: the one that takes seconds, or with `PISCES_ORACLE_TESTS` those that take minutes.
    static var toBeCompared: [OracleSet] { getenv("PISCES_ORACLE_TESTS") == nil ? [.minimal] : [.server, .host] }

    /// The blueprint: packages, and nothing else that can be left out.
    func blueprint(repository: String) throws -> String {
        let own = try Blueprint.load("\(repository)/Blueprints/minimal.yaml") { path in
            try Descriptor.open(path).readToEnd()
        }.blueprint.packages
        let install =
            switch self {
            case .minimal: own.install.sorted(by: bytesPrecede)
            case .server: Self.base + Self.words(Self.serverPackages)
            case .host: Self.base + Self.words(Self.hostPackages)
            }
        return """
            blueprint: 1
            name: \(rawValue)
            distribution: { debian: trixie, architecture: amd64 }
            packages:
              install: [\(install.joined(separator: ", "))]
              without: [initramfs-tools]
            repositories:
              own: { directory: ../deb }
            time: { ntp: false }

            """
    }

    private static func words(_ text: String) -> [String] { text.split { $0.isWhitespace }.map(String.init) }

    private static let base = [
        "dbus", "e2fsprogs", "libpam-systemd", "linux-image-cloud-amd64", "pisces", "systemd-boot-efi", "systemd-sysv",
        "tzdata", "udev",
    ]

    private static let serverPackages = """
        nginx postgresql postfix redis-server memcached haproxy bind9 chrony cron logrotate rsyslog sudo
        php-fpm php-pgsql php-xml php-mbstring php-curl
        python3 python3-venv python3-yaml python3-requests python3-jinja2 python3-cryptography python3-psycopg2
        python3-lxml python3-pil python3-flask python3-gi certbot fail2ban unattended-upgrades apt-listchanges
        fontconfig fonts-dejavu fonts-liberation shared-mime-info libglib2.0-bin libgdk-pixbuf-2.0-0 hicolor-icon-theme
        man-db ca-certificates ssl-cert openssh-server systemd-resolved
        git vim tmux info locales console-setup dictionaries-common wamerican sgml-base xml-core docbook-xml
        nfs-kernel-server lvm2 mdadm smartmontools auditd apparmor snmpd tcpdump mtr-tiny iputils-ping rsync
        wireguard-tools ifupdown isc-dhcp-client molly-guard
        """

    private static let hostPackages = """
        podman crun netavark aardvark-dns passt fuse-overlayfs uidmap nftables skopeo iptables
        """
}
