import Filesystems

/// What scripts of packages make that every machine must have of its own: keys, and databases with an identity. It is
/// not in images; a unit makes it anew at a machine's first boot, before what needs it starts.
struct MachineState {
    /// The unit is `pisces-NAME.service`.
    var name: String
    /// The paths that it consists of; a `*` stands for any part of one name.
    var patterns: [String]
    /// Why it is no image's.
    var reason: String
    /// The units that want it, and wait for it.
    var before: [String]
    /// The shell script that makes it, as the package's own script does.
    var script: String

    static let all = [
        MachineState(
            name: "snakeoil",
            patterns: ["/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key"],
            reason: "a private key", before: ["basic.target"],
            // Does nothing where both are there.
            script: "make-ssl-cert generate-default-snakeoil\n"),
        MachineState(
            name: "postgresql", patterns: ["/var/lib/postgresql/*/*"],
            reason: "a cluster's random identity, by which its write-ahead log is recognized",
            before: ["postgresql@.service"],
            // As pg_createcluster does it where the configuration is there already.
            script: """
                for conf in /etc/postgresql/*/*/postgresql.conf; do
                    cluster=${conf#/etc/postgresql/} cluster=${cluster%/*}
                    data=/var/lib/postgresql/$cluster
                    [ ! -e "$data" ] || continue
                    rm -rf "$data.new"
                    runuser -u postgres -- "/usr/lib/postgresql/${cluster%/*}/bin/initdb" --pgdata="$data.new" \\
                        --auth-local=peer --auth-host=scram-sha-256 --no-instructions
                    rm "$data.new/postgresql.conf" "$data.new/pg_hba.conf" "$data.new/pg_ident.conf"
                    mv -T "$data.new" "$data"
                done

                """),
        MachineState(
            name: "rndc-key", patterns: ["/etc/bind/rndc.key"], reason: "a key", before: ["named.service"],
            script: """
                [ ! -e /etc/bind/rndc.key ] || exit 0
                rndc-confgen -a
                chown bind:bind /etc/bind/rndc.key
                chmod 640 /etc/bind/rndc.key

                """),
        MachineState(
            name: "aliases", patterns: ["/etc/aliases.db"], reason: "a database with an identity",
            before: ["postfix.service", "postfix@.service"], script: "[ -e /etc/aliases.db ] || newaliases\n"),
    ]

    private var scriptPath: String { "/usr/lib/pisces/first-boot/\(name)" }

    /// The script and the unit that runs it, by path, and what has those wait that need it.
    func nodes(epoch: Int64) -> [(path: String, node: Node)] {
        let (unit, units) = ("pisces-\(name).service", "/usr/lib/systemd/system")
        let service = """
            [Unit]
            Description=Make this machine's own \(name)
            DefaultDependencies=no
            After=sysinit.target
            Before=shutdown.target
            Conflicts=shutdown.target

            [Service]
            Type=oneshot
            RemainAfterExit=yes
            ExecStart=/bin/sh -eu \(scriptPath)

            """
        let need = "[Unit]\nWants=\(unit)\nAfter=\(unit)\n"
        return [(scriptPath, .file(script, modified: epoch)), ("\(units)/\(unit)", .file(service, modified: epoch))]
            + before.map { ("\(units)/\($0).d/pisces-\(name).conf", .file(need, modified: epoch)) }
    }
}
