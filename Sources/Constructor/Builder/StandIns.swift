import LinuxSystem

/// Short answers for programs that scripts run dozens of times to no end in a root that is made for the first time.
///
/// Scripts find them first on their PATH. Each answers the calls it knows, and runs the program for any other.
enum StandIns {
    /// Writes them to where scripts look first.
    static func write(to scratch: StagedRoot) throws(SystemError) {
        for (program, cases) in [("usr/bin/dpkg-maintscript-helper", conffiles), ("usr/bin/ssh-keygen", hostKeys)] {
            let name = program.split(separator: "/").last.map(String.init) ?? program
            let script = "#!/bin/sh\n\(cases)exec /\(program) \"$@\"\n"
            try scratch.write(Array(script.utf8), to: "early/\(name)", mode: 0o755)
        }
    }

    /// Where no version was installed before, nothing is done about its conffiles (dpkg-maintscript-helper(1)). Calls
    /// that may be wrong are left to the program.
    private static let conffiles = """
        case "$1 $# $4 $DPKG_MAINTSCRIPT_NAME $5 $6${DPKG_MAINTSCRIPT_PACKAGE:+.}" in
        "rm_conffile 5 -- preinst install ." | "rm_conffile 6 -- postinst configure .")
            case "$3" in
            *[!A-Za-z0-9.+~:-]*) ;;
            [0-9]*) [ "$2" = "${2#/}" ] || exit 0 ;;
            esac ;;
        esac

        """

    /// A host's keys are its own, and never part of an image (``RootTree/volatile``): none is made.
    private static let hostKeys = """
        case "$*" in
        "-q -f /etc/ssh/ssh_host_"*"_key -N  -t "*) : > "$3" && : > "$3.pub" && exit ;;
        "-l -f /etc/ssh/ssh_host_"*"_key.pub") [ -s "$3" ] || exit 0 ;;
        esac

        """
}
