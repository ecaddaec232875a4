/// A system that is copied, constructed again, and compared with itself.
enum ClosureSystem: String, CaseIterable {
    /// What mmdebstrap makes of Debian 13, as it is.
    case plain
    /// Debian 13 with servers, and with much of what people do to them.
    case server
    /// A server of Debian 12.
    case bookworm
    /// What the constructor made, changed since.
    case drifted

    /// The release of Debian that mmdebstrap makes; nil for what the constructor makes.
    var release: String? {
        switch self {
        case .plain, .server: "trixie"
        case .bookworm: "bookworm"
        case .drifted: nil
        }
    }

    /// Packages beside those of Debian's usual installation.
    var packages: [String] {
        switch self {
        case .plain, .drifted: []
        case .server: ["nginx", "postgresql", "vim", "openssh-server", "sudo", "nftables", "cron", "man-db"]
        case .bookworm: ["nginx-light", "openssh-server", "rsyslog", "sudo", "cron", "unattended-upgrades"]
        }
    }

    /// What packages' questions are answered before the packages come, as debconf-set-selections(1) reads it.
    var answers: [String] {
        self == .server
            ? ["man-db man-db/auto-update boolean false", "postgresql-common postgresql-common/ssl boolean false"] : []
    }

    /// What people do to it, as a script for sh(1); `$root` is its root, `in_root` runs a program there, and `setcap` and
    /// `setfacl` are the host's.
    var changes: String {
        switch self {
        case .plain: ""
        case .server: Self.servers + Self.people
        case .bookworm: Self.people
        case .drifted: Self.drift
        }
    }

    private static let people = """
        in_root groupadd -g 1500 media
        in_root useradd -m -u 1501 -g media -G sudo,adm -s /bin/bash -c 'Anna Ops' anna
        in_root useradd -r -s /usr/sbin/nologin batch
        in_root usermod -aG media www-data
        printf 'server {\\n  listen 8080 default_server;\\n  root /srv/www;\\n}\\n' > "$root/etc/nginx/sites-available/app"
        ln -s ../sites-available/app "$root/etc/nginx/sites-enabled/app"
        rm "$root/etc/nginx/sites-enabled/default" "$root/etc/nginx/koi-win"
        sed -i 's/worker_connections 768/worker_connections 2048/' "$root/etc/nginx/nginx.conf"
        sed -i 's/#PermitRootLogin .*/PermitRootLogin no/' "$root/etc/ssh/sshd_config"
        echo '*/5 * * * * root /usr/local/bin/tick' > "$root/etc/cron.d/tick"
        printf '#!/bin/sh\\ndate >> /var/log/tick\\n' > "$root/usr/local/bin/tick"; chmod 755 "$root/usr/local/bin/tick"
        units="$root/etc/systemd/system"
        printf '[Unit]\\nDescription=App\\n[Service]\\nExecStart=/usr/local/bin/tick\\n' > "$units/app.service"
        printf '[Install]\\nWantedBy=multi-user.target\\n' >> "$units/app.service"
        printf '[Timer]\\nOnCalendar=daily\\n[Install]\\nWantedBy=timers.target\\n' > "$units/app.timer"
        mkdir -p "$units/nginx.service.d"; printf '[Service]\\nNice=5\\n' > "$units/nginx.service.d/nice.conf"
        SYSTEMD_OFFLINE=1 in_root systemctl -q enable app.service app.timer
        SYSTEMD_OFFLINE=1 in_root systemctl -q mask fstrim.timer
        setfacl -m u:1501:rw "$root/etc/cron.d/tick"
        mkdir "$root/etc/app"; setfacl -m u:1501:rwx,d:u:1501:rwx,d:g:1500:r-x "$root/etc/app"
        echo 'net.ipv4.ip_forward = 1' > "$root/etc/sysctl.d/50-forward.conf"
        ln -sf /usr/share/zoneinfo/Europe/Berlin "$root/etc/localtime"
        echo gateway > "$root/etc/hostname"

        """

    private static let servers = """
        SYSTEMD_OFFLINE=1 in_root systemctl -q disable postgresql.service
        SYSTEMD_OFFLINE=1 in_root systemctl -q enable nftables.service
        cp "$root/usr/bin/tail" "$root/usr/local/bin/web"; setcap cap_net_bind_service=ep "$root/usr/local/bin/web"
        setcap cap_net_raw+ep "$root/usr/bin/vim.basic"
        in_root update-alternatives --quiet --set editor /usr/bin/vim.basic
        in_root dpkg-statoverride --update --add root adm 4750 /usr/bin/less
        in_root dpkg-divert --quiet --local --rename --divert /usr/bin/who.real --add /usr/bin/who
        printf '#!/bin/sh\\nexec who.real -q\\n' > "$root/usr/bin/who"; chmod 755 "$root/usr/bin/who"
        in_root apt-mark hold nginx
        printf 'table inet filter {\\n  chain input { type filter hook input priority 0; policy drop; }\\n}\\n' \\
            > "$root/etc/nftables.conf"
        printf '[Match]\\nName=eth0\\n[Network]\\nDHCP=yes\\n' > "$root/etc/systemd/network/10-eth0.network"

        """

    private static let drift = """
        echo 'PermitRootLogin no' > "$root/etc/ssh/sshd_config.d/own.conf"
        rm "$root/etc/node/latest"; echo drift >> "$root/etc/motd"
        in_root useradd -m -s /bin/sh later
        setfacl -m u:7:r "$root/etc/motd"

        """
}

/// What of a system is not in the one that is constructed of its copy, or is another there, with the reason. Times are not
/// compared. An entry that no difference needs any more fails the tests.
let closurePolicy: [AcceptedDifference<ClosureSystem>] = {
    let (debian, servers): ([ClosureSystem], [ClosureSystem]) = ([.plain, .server, .bookworm], [.server, .bookworm])
    return [
        // What a blueprint says in a form of its own.
        .init("/etc/apt/sources.list", in: debian, reason: "the archives are in debian.sources"),
        .init("/etc/apt/sources.list.d/debian.sources", in: debian, reason: "the archives of the lock"),
        .init("/etc/hosts", in: debian, reason: "has the name of the host"),
        .init("/etc/locale.conf", in: [.plain, .bookworm], reason: "says the default, which nobody wrote before"),
        .init("/etc/sysctl.d/*", in: servers, reason: "all parameters are in one file"),
        .init("/usr/lib/pisces", [.presence], in: debian, reason: "what the machine is made of"),
        .init("/usr/lib/pisces/system", [.presence], in: debian, reason: "what the machine is made of"),
        .init("/usr/lib/pisces/system/*", reason: "what the machine is made of"),
        // What is each machine's own.
        .init("/etc/machine-id", [.mode], in: debian, reason: "empty in both; read-only as systemd leaves it"),
        .init("/etc/ssh/ssh_host_*", in: servers, reason: "a key; made at the first boot"),
        .init("/etc/ssh/sshd_config.d/10-pisces-identity.conf", in: servers, reason: "where keys are made"),
        .init("/etc/systemd/system/ssh.*.wants", in: [.bookworm], reason: "holds what makes the keys"),
        .init("/etc/systemd/system/ssh.*.wants/pisces-ssh-keys.service", in: servers, reason: "makes the keys"),
        .init("/usr/lib/systemd/system/pisces-*.service", in: servers, reason: "makes what is a machine's own"),
        .init("/etc/ssl/certs/62742064.0", in: [.server], reason: "leads to the certificate of a key"),
        .init("/etc/ssl/certs/ssl-cert-snakeoil.pem", in: [.server], reason: "the certificate of a key"),
        .init("/etc/ssl/private/ssl-cert-snakeoil.key", in: [.server], reason: "a key; made at the first boot"),
        .init("/usr/lib/pisces/first-boot", in: [.server], reason: "makes what is a machine's own"),
        .init("/usr/lib/pisces/first-boot/*", in: [.server], reason: "makes what is a machine's own"),
        .init("/usr/lib/systemd/system/*.d", [.presence], in: [.server], reason: "holds what waits for the above"),
        .init("/usr/lib/systemd/system/*.d/pisces-*.conf", in: [.server], reason: "waits for the above"),
        .init("/var/lib/postgresql/17/main", in: [.server], reason: "data, with an identity; made at the first boot"),
        .init(
            "/var/lib/postgresql/17/main/**", in: [.server], reason: "data, with an identity; made at the first boot"),
        .init("/var/lib/node", in: [.drifted], reason: "data, which travels by --policy"),
        .init("/var/lib/node/**", in: [.drifted], reason: "data, which travels by --policy"),
        // What only tells when or how something was done.
        .init("/etc/shadow", [.record], in: [.drifted], reason: "the days of the last change of passwords"),
        .init(
            "/etc/systemd/system/timers.target.wants/apt-daily*", [.target], in: [.plain, .server],
            reason: "the same unit: below /lib or /usr/lib, which are one"),
        .init(
            "/usr/lib/python3*/**", [.content], in: [.bookworm],
            reason: "bytecode knows its source by digest, not by time"),
        .init(
            "/usr/share/python3/**", [.content], in: [.bookworm],
            reason: "bytecode knows its source by digest, not by time"),
        .init("/var/log/*.log", in: debian, reason: "what happened at the build; here it is empty"),
        // What tools leave behind, and no output has.
        .init("/dev/**", [.presence], in: debian, reason: "a static /dev, which no system uses"),
        .init("/run/**", [.presence], in: debian, reason: "empty when a machine starts"),
        .init("/etc/.pwd.lock", [.presence], reason: "a lock"),
        .init("/etc/fstab", in: debian, reason: "the layout of the image says what is mounted"),
        .init("/etc/*-", [.presence], reason: "a backup of the accounts"),
        .init("/var/cache/apt/archives/*", in: debian, reason: "apt's downloads"),
        .init("/var/cache/apt/*.bin", in: [.server], reason: "apt's caches"),
        .init("/var/cache/debconf/*-old", [.presence], in: debian, reason: "a backup"),
        .init("/var/lib/apt/lists/*", in: debian, reason: "apt's downloads"),
        .init("/var/lib/dpkg/arch", in: debian, reason: "dpkg's own architecture, which it knows without"),
        .init("/var/lib/dpkg/*-old", [.presence], in: debian, reason: "a backup"),
        .init("/var/lib/dpkg/triggers/Lock", [.presence], in: debian, reason: "a lock"),
    ]
}()
