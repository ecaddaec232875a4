import Copier
import LinuxSystem
import PiscesTesting

/// The root of a small system that the real dpkg made, and that people have changed since.
///
/// It is merged: `/bin` is a symlink into `/usr`, and `tool` ships a file below the old name.
final class DpkgRoot {
    private let directory: TemporaryDirectory
    /// Its path.
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/root"
        let result = try PiscesTesting.shell("set -e; umask 022; cd \(directory.path); \(Self.script)")
        guard result.status == 0 else { throw ToolFailure(message: result.output) }
    }

    /// Runs a shell command in the root; `$dpkg` is dpkg for it.
    func shell(_ command: String) throws {
        let result = try PiscesTesting.shell("set -e; cd \(path); \(Self.tools) \(command)")
        guard result.status == 0 else { throw ToolFailure(message: "\(command): \(result.output)") }
    }

    /// What dpkg prints of the root.
    func dpkg(_ arguments: String) throws -> String {
        try PiscesTesting.shell("cd \(path)/..; \(Self.tools) $dpkg \(arguments)").output
    }

    func survey(_ options: Survey.Options = Survey.Options()) throws -> Survey {
        try Survey.take(of: SourceRoot(path: path), options)
    }

    private static let tools = """
        top=$(d=$PWD; while [ ! -e "$d/root/var/lib/dpkg" ]; do d=$(dirname "$d"); done; echo "$d/root");
        dpkg="dpkg --root=$top --log=/dev/null --force-not-root --force-unsafe-io --force-confdef --force-confold";
        """

    private static let script = """
        mkdir -p root/usr/bin root/usr/sbin root/usr/lib root/var/lib/dpkg/info root/var/lib/dpkg/updates \
            root/var/lib/dpkg/triggers root/etc/dpkg/dpkg.cfg.d root/etc/alternatives root/proc root/run root/tmp \
            root/var/log root/home root/srv root/opt
        for name in bin sbin lib; do ln -s usr/$name root/$name; done
        touch root/var/lib/dpkg/status root/var/lib/dpkg/available
        echo 'root:x:0:0::/root:/bin/sh' > root/etc/passwd; echo 'root:x:0:' > root/etc/group
        \(tools)
        package() { # NAME VERSION: packs NAME-VERSION/
            mkdir -p $1-$2/DEBIAN
            cat > $1-$2/DEBIAN/control << END
        Package: $1
        Version: $2
        Architecture: all
        Maintainer: Nobody <nobody@example.org>
        Description: a test
        END
            dpkg-deb --root-owner-group -Znone --build $1-$2 $1-$2.deb > /dev/null
            $dpkg --install $1-$2.deb > /dev/null
        }
        put() { mkdir -p $(dirname $1); printf '%s\\n' "${2-$1}" > $1; }
        for version in 1 2; do
            d=tool-$version; mkdir -p $d/DEBIAN
            for file in bin/tool usr/share/tool/data usr/share/tool/gone usr/share/tool/swapped usr/share/tool/diverted \
                usr/share/tool/local usr/share/tool/mode usr/share/doc/tool/README usr/lib/python3/dist-packages/tool.py \
                etc/tool.conf etc/deleted.conf etc/kept.conf usr/share/tool/hooks/a; do put $d/$file; done
            mkdir -p $d/var/lib/tool; ln -s data $d/usr/share/tool/link; : > $d/usr/share/tool/empty
            put $d/usr/lib/tmpfiles.d/tool.conf 'd /var/lib/tool-tmp 0755 root root -'
            put $d/usr/lib/systemd/system/tool.service '[Service]
        StateDirectory=tool-service
        CacheDirectory=tool-cache'
            put $d/usr/share/cruft/rules/tool '/etc/tool.generated
        /usr/share/tool/made/**'
            printf '/etc/tool.conf\\n/etc/deleted.conf\\n/etc/kept.conf\\n' > $d/DEBIAN/conffiles
        done
        put tool-1/etc/obsolete.conf; put tool-1/etc/removed.conf
        printf '/etc/obsolete.conf\\n/etc/removed.conf\\n' >> tool-1/DEBIAN/conffiles
        echo 'remove-on-upgrade /etc/removed.conf' >> tool-2/DEBIAN/conffiles
        package tool 1 2>&1; package tool 2 2>&1
        dpkg-divert --root=$PWD/root --package other --divert /usr/share/tool/diverted.tool --rename --add \
            /usr/share/tool/diverted > /dev/null
        dpkg-divert --root=$PWD/root --local --rename --divert /usr/share/tool/local.orig --add \
            /usr/share/tool/local > /dev/null
        put other-1/usr/share/tool/diverted other; put other-1/usr/share/other/one; put other-1/usr/share/other/two
        package other 1
        put nosums-1/usr/share/nosums/file; put nosums-1/etc/nosums.conf; echo /etc/nosums.conf > DEBIAN-conffiles
        mkdir -p nosums-1/DEBIAN; mv DEBIAN-conffiles nosums-1/DEBIAN/conffiles
        package nosums 1; rm root/var/lib/dpkg/info/nosums.md5sums
        put leaver-1/etc/leaver.conf; mkdir -p leaver-1/DEBIAN; echo /etc/leaver.conf > leaver-1/DEBIAN/conffiles
        package leaver 1; $dpkg --remove leaver > /dev/null
        update-alternatives --quiet --root $PWD/root --install /usr/bin/editor editor /usr/share/other/one 10 2> /dev/null ||
            update-alternatives --quiet --altdir $PWD/root/etc/alternatives --admindir $PWD/root/var/lib/dpkg/alternatives \
                --install $PWD/root/usr/bin/editor editor /usr/share/other/one 10
        """
}
