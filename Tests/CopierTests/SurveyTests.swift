import Copier
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct SurveyTests {
    private func cause(_ survey: Survey, _ path: String) -> Finding.Cause? { survey.finding(at: path)?.cause }

    @Test func whatDpkgMadeIsPristineAndHasNoFindings() throws {
        let root = try DpkgRoot()
        let survey = try root.survey()
        for path in [
            "/bin/tool", "/usr/bin/tool", "/usr/share/tool/data", "/usr/share/tool/link", "/usr/share/tool/empty",
            "/etc/tool.conf",
            "/usr/share/tool/diverted", "/usr/share/tool/diverted.tool", "/usr/share/tool/local.orig", "/var/lib/tool",
        ] {
            #expect(cause(survey, path) == .pristine, "\(path)")
        }
        #expect(survey.finding(at: "/usr/share/tool/diverted")?.owners == ["other"])
        #expect(survey.finding(at: "/usr/share/tool/diverted.tool")?.owners == ["tool"])
        #expect(survey.counts.causes[.shippedChanged] == nil && survey.counts.causes[.conffileChanged] == nil)
        let missing = survey.findings([.missing]).map(\.path)
        // Of the name that was diverted by a person nobody has put anything; the removed conffile is no fault.
        #expect(missing == ["/etc/removed.conf"])
        #expect(survey.finding(at: "/etc/removed.conf")?.tags.contains(.legal) == true)
        #expect(cause(survey, "/etc/obsolete.conf") == .residual)
        #expect(cause(survey, "/etc/leaver.conf") == .residual)
        #expect(!survey.isProvisional)
        #expect(survey.notes.contains { $0.hasPrefix("nosums has no sums") }, "\(survey.notes)")
        #expect(survey.finding(at: "/usr/share/nosums/file")?.tags == .notComparable)
    }

    @Test func everyChangeHasItsCause() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            echo changed >> etc/tool.conf; rm etc/deleted.conf; echo changed > usr/share/tool/data; rm usr/share/tool/gone
            ln -sf data usr/share/tool/swapped; rm -r usr/share/doc/tool; chmod 600 usr/share/tool/mode
            echo 'path-exclude=/usr/share/doc/*' > etc/dpkg/dpkg.cfg.d/small
            echo 'root root 644 /usr/share/tool/mode' > var/lib/dpkg/statoverride
            echo mine > usr/share/tool/local; echo mine > usr/share/tool/stray; echo x > etc/tool.conf.dpkg-dist
            mkdir -p usr/lib/python3/dist-packages/__pycache__ var/lib/tool-tmp var/lib/tool-service var/lib/unknown
            touch usr/lib/python3/dist-packages/__pycache__/tool.cpython-311.pyc var/lib/tool/db var/lib/tool-tmp/x
            touch var/lib/tool-service/x var/lib/unknown/x var/log/tool.log etc/tool.generated etc/machine-id srv/site
            mkdir -p usr/share/tool/made/deep etc/empty; touch usr/share/tool/made/deep/x tmp/x etc/hostname
            mkdir -p etc/systemd/system/multi-user.target.wants; ln -s /dev/null etc/systemd/system/tool.service
            ln -s /usr/lib/systemd/system/tool.service etc/systemd/system/multi-user.target.wants/tool.service
            rm -rf usr/share/tool/hooks; mkdir srv/hooks; echo usr/share/tool/hooks/a > srv/hooks/a
            ln -s ../../../srv/hooks usr/share/tool/hooks
            mkdir var/lib/ucf; echo one | tee etc/ucf-same etc/ucf-changed > /dev/null; echo two >> etc/ucf-changed
            for f in same changed; do echo "$(echo one | md5sum | cut -c-32)  /etc/ucf-$f" >> var/lib/ucf/hashfile; done
            mkdir -p usr/share/base-files; echo hello | tee etc/motd etc/profile usr/share/base-files/motd > /dev/null
            """)
        try AtomicFile.write(Array("tool-2/usr/share/tool/hooks/a\n".utf8), to: "\(root.path)/srv/hooks/a")
        let survey = try root.survey()
        let expected: [(String, Finding.Cause)] = [
            ("/etc/tool.conf", .conffileChanged), ("/etc/deleted.conf", .missing),
            ("/usr/share/tool/data", .shippedChanged),
            ("/usr/share/tool/gone", .missing), ("/usr/share/tool/swapped", .shippedChanged),
            ("/usr/share/doc/tool/README", .missing), ("/usr/share/tool/mode", .attributesDiffer),
            ("/usr/share/tool/local", .payload), ("/usr/share/tool/stray", .payload),
            ("/etc/tool.conf.dpkg-dist", .volatile), ("/var/lib/tool/db", .state), ("/var/lib/tool-tmp/x", .state),
            ("/usr/lib/python3/dist-packages/__pycache__/tool.cpython-311.pyc", .derived),
            ("/usr/lib/python3/dist-packages/__pycache__", .derived), ("/var/lib/tool-service/x", .state),
            ("/var/lib/unknown/x", .policyArea), ("/var/log/tool.log", .volatile), ("/etc/tool.generated", .derived),
            ("/etc/machine-id", .identity), ("/srv/site", .policyArea), ("/usr/share/tool/made/deep/x", .derived),
            ("/etc/empty", .payload), ("/etc/hostname", .setting), ("/tmp", .notEntered),
            ("/usr/bin/editor", .register),
            ("/etc/alternatives/editor", .register), ("/etc/systemd/system/tool.service", .register),
            ("/etc/systemd/system/multi-user.target.wants/tool.service", .register), ("/bin", .pristine),
            ("/etc/ucf-same", .register), ("/etc/ucf-changed", .conffileChanged), ("/etc/motd", .derived),
            ("/etc/profile", .payload),
            // The package's file is where the symlink leads: it is not missing.
            ("/srv/hooks/a", .pristine),
        ]
        for (path, cause) in expected {
            let finding = survey.finding(at: path)
            #expect(finding?.cause == cause, "\(path): \(finding?.reason ?? "nothing")")
        }
        #expect(survey.finding(at: "/usr/share/tool/hooks/a") == nil)
        #expect(survey.finding(at: "/tmp/x") == nil)
        #expect(survey.finding(at: "/etc/deleted.conf")?.tags == [.legal, .tombstone])
        #expect(survey.finding(at: "/usr/share/tool/gone")?.tags == [])
        #expect(survey.finding(at: "/usr/share/doc/tool/README")?.tags == .legal)
        let paths = survey.findings().map(\.rawPath)
        #expect(
            paths
                == paths.sorted {
                    $0.split(separator: 47).lexicographicallyPrecedes($1.split(separator: 47)) {
                        $0.lexicographicallyPrecedes($1)
                    }
                })
    }

    @Test func itAgreesWithDpkgVerify() throws {
        let root = try DpkgRoot()
        try root.shell("echo x >> etc/tool.conf; rm etc/deleted.conf usr/share/other/one; echo x > usr/share/other/two")
        let survey = try root.survey()
        // dpkg -V shows neither what an upgrade has removed nor what lies below a directory that is excluded.
        let verified = try root.dpkg("--verify").split(separator: "\n").compactMap { $0.split(separator: " ").last }
        let found = survey.findings([.missing, .conffileChanged, .shippedChanged]).filter {
            $0.tags.contains(.tombstone) || !$0.tags.contains(.legal)
        }
        #expect(found.map(\.path).sorted() == verified.map(String.init).sorted())
        #expect(verified.count == 4)
    }

    @Test func oddFilesAreFindingsAndNeverACrash() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            ln -s loop etc/loop; mkfifo etc/pipe usr/share/tool/pipe; truncate -s 1T srv/huge; : > etc/nothing
            ln etc/tool.conf etc/second; rm usr/share/tool/data; mkfifo usr/share/tool/data
            touch "$(printf 'etc/b\\377d')" "$(printf 'etc/a\\nb')"; rm usr/share/tool/empty; mkdir usr/share/tool/empty
            d=var; for i in $(seq 60); do d=$d/$(printf 'n%.0s' $(seq 60)); done; mkdir -p $d
            ln -s ../../../.. usr/share/tool/up; ln -s /etc/shadow etc/out; ln -s "$(printf '\\377')" etc/badlink
            """)
        let survey = try root.survey()
        #expect(cause(survey, "/etc/loop") == .payload)
        #expect(survey.finding(at: "/etc/pipe")?.node?.kind == .fifo)
        #expect(survey.finding(at: "/srv/huge")?.node?.size == 1 << 40)
        #expect(survey.finding(at: "/srv/huge")?.node?.isSparse == true)
        #expect(cause(survey, "/usr/share/tool/data") == .shippedChanged)
        #expect(cause(survey, "/usr/share/tool/empty") == .shippedChanged)
        let first = survey.finding(at: "/etc/tool.conf")?.node
        #expect(first?.links == 2 && first?.inode == survey.finding(at: "/etc/second")?.node?.inode)
        let odd = survey.findings().filter { $0.tags.contains(.notUTF8) }.map(\.rawPath)
        #expect(odd == [Array("/etc/b".utf8) + [0xff] + Array("d".utf8)])
        #expect(survey.finding(at: "/etc/badlink")?.node?.kind == .symlink(target: [0xff]))
    }

    @Test func whatPeopleKeepIsLookedIntoWhereSomebodyAsksOrAPackageHasAPart() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            mkdir -p home/ada/deep srv/www/deep data/big/deep opt/other/deep; touch home/ada/deep/x srv/www/deep/x
            touch data/big/deep/x opt/other/deep/x data/x; mkdir -p opt/moved/share/deep; touch opt/moved/share/deep/x
            mv usr/share/tool opt/moved/share/tool; ln -s /opt/moved/share/tool usr/share/tool
            """)
        let survey = try root.survey()
        let deep = ["/home/ada/deep", "/srv/www/deep", "/data/big/deep", "/opt/other/deep"]
        #expect(deep.map { survey.finding(at: $0)?.path } == [nil, nil, nil, nil])
        let top = ["/home/ada", "/srv/www", "/data/big", "/data/x", "/opt/other"].map { cause(survey, $0) }
        #expect(top == [.policyArea, .policyArea, .payload, .payload, .policyArea])
        // Where a package's files were moved to an area, they are there, and whole.
        #expect(cause(survey, "/opt/moved/share/tool/data") == .pristine)
        #expect(survey.findings([.missing]).filter { !$0.tags.contains(.legal) }.map(\.path) == [])
        var options = Survey.Options()
        options.inside = ["/home", "/srv/www/deep/x", "/data/big"]
        let wanted = try root.survey(options)
        #expect(deep.map { wanted.finding(at: $0)?.path } == Array(deep[..<3]) + [nil])
        #expect(cause(wanted, "/home/ada/deep/x") == .policyArea && cause(wanted, "/srv/www/deep/x") == .policyArea)
        #expect(cause(wanted, "/data/big/deep/x") == .payload)
    }

    @Test func aFileThatCannotBeReadIsSaid() throws {
        // Root reads everything: only an ordinary user can see this fail.
        guard getuid() != 0 else { return }
        let root = try DpkgRoot()
        try root.shell("chmod 000 usr/share/tool/data; mkdir -m 000 srv/secret")
        let survey = try root.survey()
        #expect(survey.finding(at: "/usr/share/tool/data")?.tags.contains(.unreadable) == true)
        #expect(cause(survey, "/srv/secret") == .unreadable)
    }

    @Test func aDatabaseThatIsBeingChangedIsSaid() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            sed -n '/^Package: other/,/^$/p' var/lib/dpkg/status |
                sed 's/ok installed/ok half-installed/' > var/lib/dpkg/updates/0000
            echo garbage > var/lib/dpkg/updates/tmp.i; rm usr/share/other/one
            """)
        let survey = try root.survey()
        #expect(survey.isProvisional)
        #expect(
            survey.notes.contains { $0.contains("journal") }
                && survey.notes.contains { $0.contains("other is half-installed") })
        #expect(survey.finding(at: "/usr/share/other/one")?.tags.contains(.legal) == true)
    }

    @Test func aLockThatDpkgHoldsIsSaid() throws {
        let root = try DpkgRoot()
        let script = """
            python3 -c 'import fcntl, sys, time
            f = open(sys.argv[1], "w"); fcntl.lockf(f, fcntl.LOCK_EX); open(sys.argv[2], "w"); time.sleep(60)' \
            var/lib/dpkg/lock held > /dev/null 2>&1 & echo $! > holder; while [ ! -e held ]; do sleep 0.05; done
            """
        try root.shell(script)
        let survey = try root.survey()
        try root.shell("kill $(cat holder)")
        #expect(survey.isProvisional && survey.notes.contains { $0.contains("/var/lib/dpkg/lock") })
    }

    @Test func aBrokenStatusFileIsNamedWithItsLine() throws {
        let root = try DpkgRoot()
        try root.shell("sed -i '3s/.*/nonsense/' var/lib/dpkg/status")
        let error = #expect(throws: SurveyError.self) { try root.survey() }
        #expect(error?.description.hasPrefix("/var/lib/dpkg/status:3: ") == true, "\(String(describing: error))")
    }

    @Test func aRootThatIsNotDebianIsSaid() throws {
        let directory = try TemporaryDirectory()
        let root = try SourceRoot(path: directory.path)
        let error = #expect(throws: SurveyError.self) { try Survey.take(of: root) }
        #expect(error?.description.contains("not the root of a Debian system") == true)
    }

    @Test func aRootOfAnotherArchitectureIsReadAsWell() throws {
        let root = try DpkgRoot()
        try root.shell(
            """
            printf 'Package: lib\nStatus: install ok installed\nArchitecture: arm64\nMulti-Arch: same\nVersion: 1\n\n' \
                >> var/lib/dpkg/status
            echo lib > usr/lib/libx; printf '/.\n/lib\n/lib/libx\n' > var/lib/dpkg/info/lib:arm64.list
            md5sum usr/lib/libx | sed 's#usr/##' > var/lib/dpkg/info/lib:arm64.md5sums
            """)
        let finding = try #require(try root.survey().finding(at: "/usr/lib/libx"))
        #expect(finding.cause == .pristine && finding.owners == ["lib:arm64"] && finding.tags == [])
    }

    @Test func theDatabaseOfAnImageIsFound() throws {
        let root = try DpkgRoot()
        try root.shell(
            "mkdir -p usr/lib/sysimage; mv var/lib/dpkg usr/lib/sysimage/dpkg; ln -s ../../usr/lib/sysimage/dpkg var/lib/dpkg"
        )
        #expect(try root.survey().finding(at: "/usr/bin/tool")?.cause == .pristine)
        try root.shell("top=.; rm var/lib/dpkg")
        #expect(try root.survey().dpkg.directory == "/usr/lib/sysimage/dpkg")
    }

    @Test func theCacheSavesReadingAndSeesEveryChange() throws {
        let root = try DpkgRoot()
        let cache = try TemporaryDirectory()
        var options = Survey.Options()
        options.cacheDirectory = cache.path
        // What changed within the last seconds is not believed.
        sleep(4)
        let first = try root.survey(options)
        #expect(first.counts.read >= first.counts.compared && first.counts.compared > 10)
        let second = try root.survey(options)
        #expect(second.counts.read == 0)
        #expect(Array(second.findings()) == Array(first.findings()))
        // Same size, same modification time: the change time tells.
        try root.shell(
            """
            file=usr/share/other/one; cp -p $file x; tr a-z A-Z < x > y; cat y > $file; touch -r x $file; rm x y
            """)
        let third = try root.survey(options)
        #expect(third.counts.read == 1)
        #expect(third.finding(at: "/usr/share/other/one")?.cause == .shippedChanged)
        let name = try #require(try Descriptor.directory(cache.path).entries().first)
        try AtomicFile.write(Array("damage".utf8), to: "\(cache.path)/\(name)")
        #expect(try root.survey(options).counts.read == first.counts.read)
    }
}
