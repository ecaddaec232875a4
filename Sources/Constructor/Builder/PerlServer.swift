import LinuxSystem

/// Perl programs that scripts run dozens of times, started once.
///
/// To start one takes several times as long as what it does then. A server in the sandbox has loaded what they use, and
/// for each call lets a copy of itself become the program, with the caller's files, arguments, environment, directory
/// and umask. In the place of the program is a copy of `pisces-enter`, which asks the server, or without one becomes the
/// program itself.
struct PerlServer: Sendable {
    let root: StagedRoot
    /// The directory that programs in the root see at ``scratchInRoot``.
    let scratch: StagedRoot
    /// The path of `pisces-enter`; nil: found by ``Workshop/findHelper(_:)``.
    var helper: String?

    /// Found by name on the PATH.
    private static let unitHelper = "usr/bin/deb-systemd-helper"
    /// Found by its path only, where it is covered by ``binds(scratch:)``.
    private static let frontend = "usr/share/debconf/frontend"
    private static let cover = "perl/cover"

    /// Puts the stand-ins in place, once the essential packages are unpacked.
    func prepare() throws {
        guard root.exists("usr/bin/perl") else { return }
        let client = try Descriptor.open(try Workshop.findHelper(helper)).readToEnd()
        for (program, standIn) in [(Self.unitHelper, "early/deb-systemd-helper"), (Self.frontend, Self.cover)] {
            guard root.exists(program) else { continue }
            let content = try root.read(program)
            guard content.starts(with: "#!/usr/bin/perl\n".utf8) else { continue }
            let name = program.split(separator: "/").last.map(String.init) ?? program
            try scratch.write(content, to: "perl/\(name)", mode: 0o755)
            try scratch.write(client, to: standIn, mode: 0o755)
        }
        try scratch.write(Array(Self.script.utf8), to: "perl/server")
    }

    /// Undoes it.
    func remove() throws(SystemError) { try removeTree("\(scratch.path)/perl") }

    /// What covers programs of the root in a sandbox that sees the directory `scratch`.
    static func binds(scratch: String) -> [Sandbox.Bind] {
        let source = "\(scratch)/\(cover)"
        return (try? Descriptor.open(source)) == nil ? [] : [Sandbox.Bind(source, at: "/\(frontend)")]
    }

    /// A shell command that starts the server beside what follows.
    static let start = "[ ! -e \(scratchInRoot)/perl/server ] || (perl \(scratchInRoot)/perl/server > /dev/null 2>&1 &)"

    /// Numbers of calls and options are the same on every architecture since pidfd_open(2).
    private static let script = """
        my %paths = ('deb-systemd-helper' => '/\(unitHelper)', 'frontend' => '/\(frontend)');
        my ($local, $stream, $options, $credentials) = (1, 1, 1, 17);
        my ($pidfd_open, $pidfd_getfd) = (434, 438);
        socket(my $listener, $local, $stream, 0) or die;
        bind($listener, pack('S a*', $local, "\\0pisces-perl")) && listen($listener, 64) or die;
        # Whoever calls now waits until this is done.
        for my $module (qw(strict warnings constant File::Path File::Basename File::Temp Getopt::Long Data::Dumper
            Debconf::Db Debconf::Template Debconf::AutoSelect Debconf::Log Debconf::FrontEnd::Noninteractive
            Debconf::DbDriver::Stack Debconf::DbDriver::File Debconf::Format::822),
            map "Debconf::Element::Noninteractive::$_",
            qw(Boolean Error Multiselect Note Password Progress Select String Text)) {
            eval "require $module";
        }
        # What modules may have looked at.
        my $settings = qr/^(?:HOME|LANG|LC_|PERL5|PERL_HASH|PERL_PERTURB|DEBCONF_SYSTEMRC)/;
        $SIG{CHLD} = 'IGNORE';
        while (1) {
            accept(my $connection, $listener) or next;
            my $pid = fork;
            if (defined $pid && $pid == 0) {
                close $listener;
                serve($connection);
                kill 'KILL', $$;
            }
        }

        # The caller's word of an end is the status after the one byte that tells it of a beginning.
        sub serve {
            my ($connection) = @_;
            $SIG{CHLD} = 'DEFAULT';
            my ($caller) = unpack 'i', getsockopt($connection, $options, $credentials) // return;
            my $pid = fork // return;
            if ($pid != 0) {
                waitpid $pid, 0;
                # Killed by itself, nothing was begun.
                syswrite $connection, pack('i', $?) if $? != 9;
                return;
            }
            my $program = become($caller) // kill 'KILL', $$;
            syswrite $connection, 1;
            close $connection;
            $^T = time;
            $! = 0;
            do $program;
            if ($@ ne '') {
                my $status = $! + 0 || $? >> 8 || 255;
                print STDERR $@;
                exit $status;
            }
            exit 0;
        }

        # Takes over what the caller has, and returns the program to run; undefined where that cannot be.
        sub become {
            my ($caller) = @_;
            my %environment = map { split /=/, $_, 2 } split /\\0/, content("/proc/$caller/environ") // return;
            for my $name (grep /$settings/, keys %environment, keys %ENV) {
                return if ($environment{$name} // '') ne ($ENV{$name} // '');
            }
            my @arguments = split /\\0/, content("/proc/$caller/cmdline"), -1;
            pop @arguments;
            my ($name) = shift(@arguments) =~ m|([^/]*)\\z|;
            my ($umask) = content("/proc/$caller/status") =~ /^Umask:\\s*(\\d+)/m or return;
            chdir "/proc/$caller/cwd" or return;
            my $process = syscall($pidfd_open, $caller, 0);
            my @files = map syscall($pidfd_getfd, $process, $_, 0), 0..2;
            return if grep $_ < 0, @files;
            open(STDIN, "<&$files[0]") && open(STDOUT, ">&$files[1]") && open(STDERR, ">&$files[2]") or return;
            umask oct $umask;
            %ENV = %environment;
            @ARGV = @arguments;
            $0 = $paths{$name};
            return "\(scratchInRoot)/perl/$name";
        }

        sub content {
            open(my $file, '<', $_[0]) or return;
            local $/;
            return scalar <$file>;
        }

        """
}
