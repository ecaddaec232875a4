import BlueprintModel
import Copier
import Glibc
import LinuxSystem
import Testing

@Suite struct FilesTests {
    /// The files that a copy of a changed root has, and what the report says of it.
    private func files(
        of root: DpkgRoot, _ blueprint: Blueprint = Blueprint(name: "node"), areas: Set<String> = []
    ) throws -> (files: [String: Blueprint.File], report: CopyReport) {
        var report = CopyReport()
        var policy = Copier.FilesPolicy()
        policy.areas = areas
        var options = Survey.Options()
        options.inside = Array(areas)
        let read = Copier.files(of: try root.survey(options), policy)
        let files = try read(try SourceRoot(path: root.path), blueprint, &report)
        // Directories of the fixture that no package owns.
        return (files.filter { !["/usr/sbin", "/etc/dpkg/dpkg.cfg.d"].contains($0.key) }, report)
    }

    private func text(_ text: String, mode: UInt16 = 0o644) -> Blueprint.File {
        Blueprint.File(.regular(Array(text.utf8)), mode: mode)
    }

    @Test func whatPeopleChangedTravelsAndNothingElse() throws {
        let root = try DpkgRoot()
        #expect(try files(of: root).files == [:])
        try root.shell(
            """
            echo changed > etc/tool.conf; rm etc/deleted.conf; echo changed > usr/share/tool/data
            echo mine > usr/share/tool/stray; chmod 4750 usr/share/tool/stray; ln -s stray usr/share/tool/link2
            mkdir -p etc/empty etc/full etc/closed; echo x > etc/full/x; chmod 700 etc/closed; touch etc/closed/y
            touch var/log/tool.log etc/machine-id; mkdir -p srv/www data; echo page > srv/www/index; echo big > data/x
            """)
        let (files, report) = try files(of: root)
        #expect(
            files == [
                "/etc/tool.conf": text("changed\n"), "/etc/deleted.conf": Blueprint.File(.absent),
                "/usr/share/tool/data": text("changed\n"), "/usr/share/tool/stray": text("mine\n", mode: 0o4750),
                "/usr/share/tool/link2": Blueprint.File(.symlink("stray")), "/etc/empty": Blueprint.File(.directory),
                "/etc/full/x": text("x\n"), "/etc/closed": Blueprint.File(.directory, mode: 0o700),
                "/etc/closed/y": text(""),
            ])
        let said = report.omissions.map(\.description).joined(separator: "\n")
        #expect(said.contains("--policy /data takes it along") && said.contains("srv"), "\(said)")
    }

    @Test func areasTravelWhereTheyAreWanted() throws {
        let root = try DpkgRoot()
        try root.shell("mkdir -p srv/www data; echo page > srv/www/index; echo big > data/x; echo no > opt/x")
        let (files, _) = try files(of: root, areas: ["/srv", "/data"])
        #expect(files == ["/srv/www/index": text("page\n"), "/data/x": text("big\n")])
    }

    @Test func unitsOfUsersAreAsSomebodyLeftThem() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            state=var/lib/systemd/deb-systemd-user-helper-enabled; links=etc/systemd/user/sockets.target.wants
            mkdir -p $state usr/lib/systemd/user $links
            for unit in kept off gone; do
                touch usr/lib/systemd/user/$unit.socket
                echo "/$links/$unit.socket" > $state/$unit.socket.dsh-also
            done
            rm usr/lib/systemd/user/gone.socket
            for unit in kept own; do ln -s /usr/lib/systemd/user/$unit.socket $links; done
            ln -s /dev/null etc/systemd/user/tool.service
            """)
        let (files, _) = try files(of: root)
        let folder = "/etc/systemd/user"
        #expect(
            files.filter { $0.key.hasPrefix(folder) } == [
                "\(folder)/sockets.target.wants/off.socket": Blueprint.File(.absent),
                "\(folder)/sockets.target.wants/own.socket": Blueprint.File(
                    .symlink("/usr/lib/systemd/user/own.socket")),
                "\(folder)/tool.service": Blueprint.File(.symlink("/dev/null")),
            ])
    }

    @Test func secretsAndWhatABlueprintCannotHaveAreLeftOutByName() throws {
        let root = try DpkgRoot()
        let key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nabc\n"
        try AtomicFile.write(Array(key.utf8), to: "\(root.path)/etc/key")
        try root.shell(
            "mkfifo etc/pipe; printf x > \"$(printf 'etc/\\377')\"; chown 0:4321 etc/kept.conf; echo >> etc/kept.conf")
        let (files, report) = try files(of: root)
        #expect(files == ["/etc/key": Blueprint.File(.secret(.init(name: "etc-key")), mode: 0o644)])
        let said = report.omissions.map(\.description).joined(separator: "\n")
        let wanted = [
            "/etc/key: it holds a private key", "/etc/pipe: a blueprint has files", "a file of this name",
            "/etc/kept.conf: it belongs to root:4321",
        ]
        for words in wanted {
            #expect(said.contains(words), "\(words): \(said)")
        }
        #expect(!said.contains("abc"))
        // What removes the fixture knows no such name.
        try root.shell("rm \"$(printf 'etc/\\377')\"")
    }

    @Test(.enabled(if: geteuid() == 0)) func attributesTravelWithoutThePackagesContent() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            printf '#!/bin/sh\nsetcap cap_kill+ep "$DPKG_ROOT/usr/share/tool/mode"\n' > var/lib/dpkg/info/tool.postinst
            setcap cap_kill=ep usr/share/tool/mode; setcap cap_chown=ep usr/share/tool/hooks/a
            setfacl -m u:0:rw usr/share/tool/data; setfattr -n user.a -v b etc/kept.conf
            mkdir etc/app; chmod 751 etc/app; setfacl -m u:4321:rwx,d:u:0:r etc/app
            """)
        let (files, report) = try files(of: root)
        var (hook, data, kept) = (Blueprint.File(.packaged), Blueprint.File(.packaged), Blueprint.File(.packaged))
        hook.capabilities = Blueprint.Capabilities("cap_chown=ep")
        data.acl = ["user:root:rw-", "group::r--"].compactMap { Blueprint.AccessEntry($0) }
        kept.xattrs = ["user.a": Array("b".utf8)]
        var app = Blueprint.File(.directory, mode: 0o771)
        app.acl = ["user:4321:rwx", "group::r-x", "default:user:root:r--", "default:group::r-x"].compactMap {
            Blueprint.AccessEntry($0)
        }
        #expect(
            files == [
                "/usr/share/tool/hooks/a": hook, "/usr/share/tool/data": data, "/etc/kept.conf": kept, "/etc/app": app,
            ])
        let said = report.omissions.map(\.description).joined(separator: "\n")
        #expect(said.contains("/usr/share/tool/mode: given by a maintainer script of tool"), "\(said)")
    }

    /// A path has its owner and mode by its override, and only by that.
    @Test func whatAnOverrideSaysNoFileSays() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            touch usr/share/tool/stray etc/loose; chmod 4750 usr/share/tool/stray etc/tool.conf etc/kept.conf etc/loose
            echo changed > etc/tool.conf; mkdir etc/closed; touch etc/closed/x; chmod 700 etc/closed
            chmod 600 usr/share/tool/mode
            for path in usr/share/tool/stray etc/tool.conf etc/kept.conf etc/closed usr/share/tool/mode etc/loose; do
                echo "root root $(case $path in etc/closed) echo 700;; *) echo 4750;; esac) /$path"
            done > var/lib/dpkg/statoverride
            chmod 644 etc/loose
            """)
        var blueprint = Blueprint(name: "node")
        for path in [
            "/usr/share/tool/stray", "/etc/tool.conf", "/etc/kept.conf", "/usr/share/tool/mode", "/etc/loose",
        ] {
            blueprint.statOverrides[path] = .init(mode: 0o4750)
        }
        blueprint.statOverrides["/etc/closed"] = .init(mode: 0o700)
        let (files, report) = try files(of: root, blueprint)
        #expect(
            files == [
                "/usr/share/tool/stray": text(""), "/etc/tool.conf": text("changed\n"), "/etc/closed/x": text(""),
                "/etc/loose": text(""),
            ])
        let said = report.omissions.filter { $0.reason.contains("dpkg-statoverride asks for") }.map(\.subject)
        #expect(said.sorted() == ["/etc/loose", "/usr/share/tool/mode"])
        // What a script's override says is no blueprint's: the files have it.
        let (without, _) = try self.files(of: root)
        #expect(without["/usr/share/tool/stray"]?.mode == 0o4750 && without["/usr/share/tool/mode"]?.mode == 0o600)
        // What else a file has travels without its mode.
        try root.shell("setfattr -n user.a -v b usr/share/tool/mode")
        var packaged = Blueprint.File(.packaged)
        packaged.xattrs = ["user.a": Array("b".utf8)]
        #expect(try self.files(of: root, blueprint).files["/usr/share/tool/mode"] == packaged)
    }

    /// As long as it is just that.
    @Test func whatMaintainerScriptsWriteStaysWithTheirPackage() throws {
        let root = try DpkgRoot()
        try root.shell(
            #"""
            cat > var/lib/dpkg/info/tool.postinst << 'SCRIPT'
            #!/bin/sh
            cat > "$DPKG_ROOT"/etc/plain.conf <<EOF
            one
              \$two
            EOF
            cat <<-'END' > /etc/tabs.conf
            @three
            @END
            cat << EOF >/etc/answered
            for $HOSTNAME
            EOF
            touch /etc/marker
            add-shell /bin/tool
            cat > /etc/last <<EOF
            its end is missing
            SCRIPT
            sed -i 's/^@/\t/' var/lib/dpkg/info/tool.postinst
            printf 'one\n  $two\n' > etc/plain.conf; printf 'three\n' > etc/tabs.conf; touch etc/marker
            printf 'for x\n' > etc/answered
            printf '# shells\n/bin/sh\n/bin/tool\n' > etc/shells; printf '/bin/sh\n' > var/lib/shells.state
            echo 'L /etc/linked - - - - ../usr/share/tool/data' > usr/lib/tmpfiles.d/linked.conf
            ln -s ../usr/share/tool/data etc/linked
            """#)
        let own: Set = ["/usr/lib/tmpfiles.d/linked.conf", "/etc/answered"]
        #expect(try Set(files(of: root).files.keys) == own)
        try root.shell(
            #"""
            printf 'one\n' > etc/plain.conf; printf 'three\n' > etc/other.conf; touch etc/marker.conf; echo > etc/tabs.conf
            echo /usr/bin/mine >> etc/shells; ln -sf elsewhere etc/linked
            chmod 600 etc/marker
            """#)
        let changed: Set = [
            "/etc/plain.conf", "/etc/other.conf", "/etc/marker.conf", "/etc/tabs.conf", "/etc/shells", "/etc/linked",
            "/etc/marker",
        ]
        #expect(try Set(files(of: root).files.keys) == own.union(changed))
    }

    /// Nothing but the script tells of a link that was taken away.
    @Test func linksOfScriptsAreKeptChangedOrRemoved() throws {
        let root = try DpkgRoot()
        try root.shell(
            #"""
            cat > var/lib/dpkg/info/tool.postinst << 'SCRIPT'
            ln -sf /usr/share/tool/data "$DPKG_ROOT/etc/other"
            ln -s /usr/share/tool/data /etc/chosen
            ln -s /usr/share/tool/data /etc/nowhere/chosen
            ln -s $data /etc/unknown
            # ln is what makes links
            ln -s
            SCRIPT
            ln -s /usr/share/tool/data etc/chosen
            """#)
        #expect(try files(of: root).files == [:])
        try root.shell("ln -sf elsewhere etc/chosen")
        #expect(try files(of: root).files == ["/etc/chosen": Blueprint.File(.symlink("elsewhere"))])
        try root.shell("rm etc/chosen")
        #expect(try files(of: root).files == ["/etc/chosen": Blueprint.File(.absent)])
    }
}
