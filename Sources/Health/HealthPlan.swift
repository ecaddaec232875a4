internal import BlueprintModel
internal import LinuxSystem

/// Where a machine's checks come from.
public struct HealthRoots: Sendable {
    /// What the blueprint asks for, as the constructor writes it.
    public var blueprint = "/usr/lib/pisces/health.json"
    /// Holds this machine's own `required.d` and `wanted.d`.
    public var site = "/etc/pisces/health"
    /// What the built-in check `state` writes to.
    public var state = "/var/lib/pisces"
    /// The program that asks systemd.
    public var systemctl = "systemctl"

    /// Those of a running machine.
    public init() {}
}

/// All that this machine is held to, in the order in which it is done.
public struct HealthPlan: Sendable, Equatable {
    /// The checks: what every machine makes, then the blueprint's, then the site's; each by name.
    public var checks: [HealthCheck]
    /// Seconds after which all required checks must have passed.
    public var timeoutSeconds: Int
    /// What was passed over, and why.
    public var notices: [String]

    /// How much a plan may be: more is no plan.
    static let limitBytes = 1 << 20

    /// A plan of these checks.
    public init(_ checks: [HealthCheck], timeoutSeconds: Int = 300, notices: [String] = []) {
        self.checks = checks
        self.timeoutSeconds = timeoutSeconds
        self.notices = notices
    }

    /// Reads what there is. It never fails: where required checks cannot be read, that is a required check `plan` that
    /// does not pass, for a generation whose checks nobody knows is not healthy.
    public init(reading roots: HealthRoots = HealthRoots()) {
        self.init([
            HealthCheck(.required, .builtIn, "state", .writing(directory: roots.state)),
            HealthCheck(.wanted, .builtIn, "units", .failedUnits),
        ])
        var failures: [String] = []
        do {
            let bytes = try Descriptor.open(roots.blueprint).readToEnd(limit: Self.limitBytes)
            add(try Blueprint.Health(canonical: bytes, file: roots.blueprint))
        } catch {
            if (error as? SystemError)?.isNotFound != true { failures.append("\(error)") }
        }
        for importance in HealthCheck.Importance.allCases {
            let directory = ScriptDirectory(path: "\(roots.site)/\(importance.rawValue).d")
            checks += directory.names.map {
                HealthCheck(importance, .site, $0, .script(path: "\(directory.path)/\($0)"))
            }
            notices += directory.notices
            guard let failure = directory.failure else { continue }
            if importance == .required { failures.append(failure) } else { notices.append(failure) }
        }
        if !failures.isEmpty {
            checks.insert(HealthCheck(.required, .builtIn, "plan", .refused(failures.joined(separator: "; "))), at: 0)
        }
    }

    private mutating func add(_ health: Blueprint.Health) {
        timeoutSeconds = health.timeoutSeconds
        for (importance, group) in [(HealthCheck.Importance.required, health.required), (.wanted, health.wanted)] {
            checks += group.sorted { bytesPrecede($0.key, $1.key) }.map { name, check in
                let action: HealthCheck.Action =
                    switch check.subject {
                    case .unit(let unit): .unit(unit)
                    case .command(let text): .command(text)
                    }
                return HealthCheck(importance, .blueprint, name, action, timeoutSeconds: check.timeoutSeconds)
            }
        }
    }
}
