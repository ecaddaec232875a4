extension PathRules {
    /// What is known of paths that no package owns and that no register of this root lists, by the tools that make them.
    ///
    /// The order is that in which the rules count. What only *looks* known must stay a person's: each pattern is as narrow
    /// as the tool that writes there.
    mutating func addKnown() {
        for (cause, reason, condition, patterns) in Self.known {
            for pattern in patterns { add(pattern, cause, reason, if: condition) }
        }
    }

    private typealias Entry = (Finding.Cause, String, Condition, [String])

    private static let known: [Entry] =
        identity + people + settings + registers + derived + derivedByPackages + volatile

    // MARK: Tells hosts apart

    private static let identity: [Entry] = [
        (.identity, "the host's id", .any, ["/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostid"]),
        (.identity, "a host key of the SSH server", .file, ["/etc/ssh/ssh_host_*_key", "/etc/ssh/ssh_host_*_key.pub"]),
        (
            .identity, "the seed of the random number generator", .any,
            ["/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/{boot,boot/efi,efi}/loader/random-seed"]
        ),
        (.identity, "the key of encrypted credentials", .any, ["/var/lib/systemd/credential.secret"]),
        (.identity, "the state of the hardware clock", .any, ["/etc/adjtime"]),
        (
            .identity, "the name of the host towards its storage", .any,
            ["/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostid", "/etc/nvme/hostnqn", "/etc/lvm/devices/**"]
        ),
        (
            .identity, "a certificate made for this host", .any,
            ["/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"]
        ),
    ]

    // MARK: A person's, in the midst of what is made

    private static let people: [Entry] = [
        (
            .payload, "no package owns it, and nothing makes it", .any,
            [
                "/usr/share/mime/packages/*", "/usr/share/fonts/**/*.{ttf,otf,pfb,woff2}",
                "/var/cache/apt/archives/local/**",
            ]
        )
    ]

    // MARK: Settings

    private static let settings: [Entry] = [
        (
            .setting, "accounts and groups", .any,
            ["/etc/{passwd,group,shadow,gshadow,subuid,subgid}", "/etc/shells"]
        ),
        (
            .volatile, "the accounts before their last change", .any,
            ["/etc/{passwd,group,shadow,gshadow,subuid,subgid}-", "/etc/.pwd.lock", "/etc/security/opasswd"]
        ),
        (.setting, "the host's name", .any, ["/etc/hostname", "/etc/hosts", "/etc/mailname", "/etc/machine-info"]),
        (
            .setting, "file systems and swap", .any, ["/etc/fstab", "/etc/crypttab", "/etc/mtab"]
        ),
        (.setting, "the resolver and the network", .any, ["/etc/resolv.conf", "/etc/networks", "/etc/nsswitch.conf"]),
        (
            .setting, "the configuration of the network", .any,
            [
                "/etc/network/interfaces", "/etc/network/interfaces.d/*", "/etc/NetworkManager/system-connections/*",
                "/etc/systemd/network/*.{network,netdev,link}", "/etc/netplan/*.yaml",
            ]
        ),
        (
            .setting, "language, keyboard and time zone", .any,
            [
                "/etc/locale.gen", "/etc/locale.conf", "/etc/default/{locale,keyboard,console-setup}", "/etc/timezone",
                "/etc/localtime", "/etc/environment",
            ]
        ),
        (.setting, "the keyboard of the console", .file, ["/etc/vconsole.conf"]),
        (
            .setting, "where packages come from", .any,
            [
                "/etc/apt/sources.list", "/etc/apt/sources.list.d/*.{list,sources}", "/etc/apt/trusted.gpg",
                "/etc/apt/trusted.gpg.d/*.{gpg,asc}", "/etc/apt/keyrings", "/etc/apt/keyrings/*.{gpg,asc}",
                "/etc/apt/preferences", "/etc/apt/preferences.d/*", "/etc/apt/auth.conf", "/etc/apt/auth.conf.d/*.conf",
            ]
        ),
        (.setting, "kernel modules and kernel settings", .any, ["/etc/modules", "/etc/sysctl.conf"]),
        (.setting, "which certificate authorities are trusted", .any, ["/etc/ca-certificates.conf"]),
        (.setting, "jobs of a user", .any, ["/var/spool/cron/crontabs/*", "/var/spool/cron/at{jobs,spool}/*"]),
    ]

    // MARK: Registers

    private static let registers: [Entry] = [
        (
            .register, "dpkg's database", .any,
            [
                "/var/lib/dpkg", "/var/lib/dpkg/**", "/usr/lib/sysimage", "/usr/lib/sysimage/dpkg",
                "/usr/lib/sysimage/dpkg/**",
            ]
        ),
        (
            .register, "apt's marks of packages that came along", .any,
            ["/var/lib/apt/extended_states", "/usr/lib/sysimage/apt", "/usr/lib/sysimage/apt/extended_states"]
        ),
        (.register, "systemd-update-done: the /usr that this was last made for", .file, ["/{etc,var}/.updated"]),
        (.register, "answers to the questions of packages", .any, ["/var/cache/debconf/*"]),
        (.register, "pam-auth-update: the modules that are on", .any, ["/var/lib/pam/*", "/etc/pam.d/common-*"]),
        (.register, "ucf: what configuration packages last brought", .any, ["/var/lib/ucf", "/var/lib/ucf/**"]),
        (
            .register, "which units packages have enabled", .any,
            [
                "/var/lib/systemd/deb-systemd-{,user-}helper-{enabled,masked}",
                "/var/lib/systemd/deb-systemd-{,user-}helper-{enabled,masked}/**",
            ]
        ),
        (
            .register, "a unit that is enabled", .symlink,
            ["/etc/systemd/system/*.{wants,requires,upholds}/*"]
        ),
        (.register, "a unit that is masked", .symlink(["/dev/null"]), ["/etc/systemd/system/*"]),
        (
            .register, "another name of an enabled unit",
            .symlink(["/lib/systemd/", "/usr/lib/systemd/", "/etc/systemd/"]),
            ["/etc/systemd/system/*"]
        ),
        (
            .register, "a service of System V that starts or stops", .symlink(["../init.d/"]),
            ["/etc/rc[0-6S].d/[SK]*"]
        ),
        (
            .register, "a configuration that its package's tool has switched on", .symlink,
            [
                "/etc/{apache2,lighttpd}/{conf,mods,sites}-enabled/*", "/etc/php/*/*/conf.d/*",
                "/etc/fonts/conf.d/*.conf",
            ]
        ),
        (
            .register, "which configurations are on by a package", .any,
            ["/var/lib/apache2/**", "/var/lib/php/modules/**", "/var/lib/lighttpd/**"]
        ),
        (
            .register, "catalogues of SGML and XML, kept by their tools", .any,
            [
                "/etc/sgml/catalog", "/etc/sgml/*.cat", "/etc/sgml/*.cat.old", "/etc/xml/*",
                "/var/lib/{sgml-base,xml-core}",
                "/var/lib/{sgml-base,xml-core}/**",
            ]
        ),
        (
            .register, "the list of shells, kept by update-shells", .any, ["/var/lib/shells.state"]
        ),
        (
            .register, "modules of Perl and Python, kept by their packages", .any,
            [
                "/etc/perl/XML/SAX/ParserDetails.ini", "/var/lib/libxml-sax-perl", "/var/lib/libxml-sax-perl/**",
                "/var/lib/python", "/var/lib/python/**", "/etc/python{3,}/debian_config",
            ]
        ),
        (.register, "foreign binary formats", .any, ["/var/lib/binfmts/*", "/usr/share/binfmts/*"]),
        (
            .register, "dictionaries, kept by their tools", .any,
            ["/var/lib/{dictionaries-common,ispell,aspell,hunspell,emacsen-common}/**", "/etc/dictionaries-common/*"]
        ),
        (.register, "a place for local rules, made by dh_apparmor", .file, ["/etc/apparmor.d/local/*"]),
        (.register, "which vendor the system is of, a link by base-files", .symlink, ["/etc/dpkg/origins/default"]),
        (
            .register, "the top directories of a merged /usr", .symlink(["usr/", "/usr/"]),
            ["/{bin,sbin,lib,lib32,lib64,libx32,libo32}"]
        ),
        (
            .register, "a link to the newest kernel", .symlink(["boot/", "/boot/"]),
            ["/{vmlinuz,initrd.img}", "/{vmlinuz,initrd.img}.old"]
        ),
        (
            .register, "what apt does not remove on its own, kept by packages", .any,
            ["/etc/apt/apt.conf.d/01autoremove-kernels", "/etc/apt/apt.conf.d/02autoremove-postgresql"]
        ),
        (.identity, "under which name boot entries are kept", .any, ["/etc/kernel/entry-token"]),
    ]

    // MARK: Volatile

    private static let volatile: [Entry] = [
        (
            .volatile, "a backup that a package's tool left", .file,
            ["/etc/**/*.{dpkg-old,dpkg-dist,dpkg-new,dpkg-tmp,dpkg-bak,dpkg-backup,ucf-old,ucf-dist,ucf-new}"]
        ),
        (.volatile, "what an editor left", .file, ["/etc/**/{*~,.*.swp,#*#}"]),
        (.volatile, "indexes of package archives", .any, ["/var/lib/apt/lists", "/var/lib/apt/lists/**"]),
        (
            .volatile, "downloaded packages and caches of apt", .any,
            ["/var/cache/apt", "/var/cache/apt/**", "/var/lib/apt/{daily_lock,periodic,periodic/**,listchanges.db}"]
        ),
        (.volatile, "logs", .any, ["/var/log/**"]),
        (
            .volatile, "the time of the last synchronisation", .any,
            ["/var/lib/systemd/timesync", "/var/lib/systemd/timesync/clock", "/var/lib/private/systemd/timesync/clock"]
        ),
        (.volatile, "when timers ran last", .any, ["/var/lib/systemd/timers", "/var/lib/systemd/timers/*"]),
        (.volatile, "crash dumps", .any, ["/var/lib/systemd/{coredump,pstore}/**", "/var/crash/**"]),
        (
            .volatile, "leases of addresses", .any,
            ["/var/lib/dhcp/*", "/var/lib/dhcpcd/*.lease*", "/var/lib/NetworkManager/*.lease"]
        ),
        (
            .volatile, "a lock", .file,
            ["/etc/cni/net.d/cni.lock", "/etc/containers/networks/netavark.lock", "/etc/**/*.lock"]
        ),
        (.volatile, "backups that daily jobs make of databases", .any, ["/var/backups/**"]),
        (.volatile, "caches", .any, ["/var/cache/**"]),
        (.volatile, "mail, prints and other spools", .any, ["/var/spool/**", "/var/mail", "/var/mail/*"]),
        (.volatile, "what was running", .any, ["/var/run", "/var/lock", "/run", "/tmp", "/var/tmp", "/var/tmp/**"]),
        (.volatile, "what fsck found", .any, ["/lost+found", "/{home,var,boot,srv,opt}/lost+found"]),
        (.volatile, "the mark of a container", .any, ["/.dockerenv", "/run/.containerenv"]),
        (
            .state, "the state of systemd", .any,
            ["/var/lib/systemd", "/var/lib/systemd/**", "/var/lib/private", "/var/lib/private/systemd/**"]
        ),
        (.state, "the state of logrotate", .any, ["/var/lib/logrotate/status*", "/var/lib/logrotate.status"]),
    ]
}
