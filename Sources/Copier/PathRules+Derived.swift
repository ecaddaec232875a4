extension PathRules {
    typealias DerivedEntry = (Finding.Cause, String, Condition, [String])

    /// What is made from other files by the tools of the base system and by triggers.
    static let derived: [DerivedEntry] = [
        (
            .derived, "ldconfig: where libraries are", .any,
            ["/etc/ld.so.cache", "/var/cache/ldconfig", "/var/cache/ldconfig/*"]
        ),
        (
            .derived, "man-db: the index of manual pages", .any,
            ["/var/cache/man", "/var/cache/man/**", "/var/lib/man-db/*"]
        ),
        (
            .derived, "update-info-dir: the directory of info pages", .any,
            ["/usr/share/info/dir", "/usr/share/info/dir.old"]
        ),
        (.derived, "update-mime-database: types of files", .any, ["/usr/share/mime/**"]),
        (
            .derived, "update-desktop-database and icon caches", .any,
            [
                "/usr/share/applications/mimeinfo.cache", "/usr/share/icons/**/icon-theme.cache",
                "/usr/share/icons/**/.icon-theme.cache",
            ]
        ),
        (
            .derived, "compiled settings of GNOME", .any,
            ["/usr/share/glib-2.0/schemas/gschemas.compiled", "/etc/dconf/db/*"]
        ),
        (
            .derived, "caches of modules of graphic libraries", .any,
            [
                "/usr/lib/**/giomodule.cache", "/usr/lib/**/loaders.cache", "/usr/lib/**/immodules.cache",
                "/usr/lib/**/gvfs*.cache",
            ]
        ),
        (
            .derived, "fontconfig: the index of fonts", .any,
            [
                "/var/cache/fontconfig", "/var/cache/fontconfig/*", "/usr/share/fonts/**/.uuid",
                "/usr/local/share/fonts/.uuid",
            ]
        ),
        (.derived, "locale-gen: compiled locales", .any, ["/usr/lib/locale/locale-archive", "/usr/lib/locale/*.*/**"]),
        (.derived, "iconvconfig: tables of character sets", .any, ["/usr/lib/**/gconv/gconv-modules.cache"]),
        (
            .derived, "update-ca-certificates: certificates in one file and by hash", .file,
            ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/java/cacerts", "/etc/ssl/certs/adoptium/cacerts"]
        ),
        (
            .derived, "update-ca-certificates: a trusted certificate",
            .symlink(["/usr/share/ca-certificates/", "/usr/local/share/ca-certificates/"]),
            ["/etc/ssl/certs/*"]
        ),
        (
            .derived, "openssl rehash: a certificate by its hash", .symlink,
            ["/etc/ssl/certs/[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f].[0-9]"]
        ),
        (
            .derived, "systemd-hwdb and the catalogue of the journal", .any,
            [
                "/usr/lib/udev/hwdb.bin", "/etc/udev/hwdb.bin", "/var/lib/systemd/catalog",
                "/var/lib/systemd/catalog/database",
            ]
        ),
        (
            .derived, "ldconfig and tools of the boot: what they keep", .any,
            ["/var/lib/initramfs-tools", "/var/lib/initramfs-tools/*"]
        ),
        (
            .derived, "the boot loader's copy, and its menu", .any,
            ["/boot/grub", "/boot/grub/**", "/boot/efi/EFI/**", "/boot/extlinux/**"]
        ),
        (.derived, "apparmor: compiled profiles", .any, ["/etc/apparmor.d/cache/**", "/var/cache/apparmor/**"]),
        (
            .derived, "appstream: the catalogue of programs", .any,
            [
                "/var/cache/{swcatalog,app-info}", "/var/cache/{swcatalog,app-info}/**",
                "/var/lib/{swcatalog,app-info}",
                "/var/lib/{swcatalog,app-info}/**",
            ]
        ),
        (
            .derived, "command-not-found and package search: their indexes", .any,
            [
                "/var/lib/command-not-found/*", "/var/cache/apt-file/**", "/var/lib/apt-xapian-index/**",
                "/var/lib/debtags/**",
            ]
        ),
        (.derived, "mlocate, plocate: the index of files", .any, ["/var/lib/{mlocate,plocate}/*"]),
    ]

    /// What is made by single packages when they are installed.
    static let derivedByPackages: [DerivedEntry] = [
        (
            .derived, "a shared archive of classes that Java dumped", .any,
            ["/usr/lib/jvm/*/{jre/,}lib/server/classes*.jsa"]
        ),
        (.derived, "helptags: the index of Vim's help", .any, ["/usr/share/vim/**/doc/tags", "/var/lib/vim/**"]),
        (
            .derived, "mktexlsr and fmtutil: indexes and formats of TeX", .any,
            [
                "/var/lib/texmf/**", "/usr/share/texmf/ls-R", "/usr/local/share/texmf/ls-R", "/etc/texmf/web2c/*",
                "/etc/texmf/*.d/*",
            ]
        ),
        (
            .derived, "compiled Lisp of Emacs", .any,
            ["/usr/share/emacs/**/*.elc", "/usr/share/emacs*/site-lisp/**/*.elc"]
        ),
        (.derived, "the package cache of GHC", .any, ["/var/lib/ghc/**", "/usr/lib/ghc/**/package.cache*"]),
        (
            .derived, "DKMS: modules built for a kernel", .any,
            [
                "/var/lib/dkms/**", "/usr/lib/modules/*/updates", "/usr/lib/modules/*/updates/dkms",
                "/usr/lib/modules/*/updates/dkms/*",
            ]
        ),
        (
            .derived, "a list of devices before it was fetched anew", .any,
            ["/usr/share/misc/{pci,usb}.ids.old"]
        ),
        (
            .derived, "a directory that an empty package made", .directory,
            [
                "/usr/local/lib/python3*", "/usr/local/lib/python3*/dist-packages",
                "/usr/local/share/{fonts,man,ca-certificates,texmf,sgml,xml,emacs,emacs/site-lisp,perl,perl/*}",
                "/usr/local/share/{zsh,zsh/site-functions}", "/usr/local/share/{sgml,xml}/**",
                "/usr/local", "/usr/local/{bin,etc,games,include,lib,libexec,sbin,share,src}",
                "/usr/local/lib/systemd",
            ]
        ),
        (.derived, "made with /usr/local by base-files", .symlink(["share/man"]), ["/usr/local/man"]),
        (
            .derived, "a place that base-files makes", .directory,
            [
                "/{home,root,mnt,media,srv,opt,boot,run,tmp,proc,sys,dev}",
                "/var/{local,opt,mail,tmp,log,lib,cache,spool,backups}", "/etc/opt",
            ]
        ),
    ]
}
