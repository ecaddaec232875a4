extension Blueprint {
    /// How a machine finds out whether a new generation works there.
    public struct Health: Sendable, Equatable {
        /// Seconds after which all required checks must have passed.
        public var timeoutSeconds = 300
        /// Checks, by name, of which one that does not pass takes a new generation back.
        public var required: [String: HealthCheck] = [:]
        /// Checks, by name, that are compared with the generation before, and never take anything back.
        public var wanted: [String: HealthCheck] = [:]

        /// No checks but those that every machine makes.
        public init() {}
    }

    /// One check of a running machine.
    public struct HealthCheck: Sendable, Equatable {
        /// What is looked at.
        public enum Subject: Sendable, Hashable {
            /// A unit of systemd: it must be active.
            case unit(String)
            /// A command for sh(1): its status must be 0.
            case command(String)
        }

        /// What is looked at.
        public var subject: Subject
        /// Seconds after which the check has failed.
        public var timeoutSeconds = 30

        /// A check of the usual time.
        public init(_ subject: Subject) { self.subject = subject }
    }
}

extension Blueprint.Health {
    static let codec = Codec<Self>.record(
        "health", Self(),
        [
            Key("timeout", \.timeoutSeconds, .duration, "By when all required checks must have passed."),
            Key(
                "required", \.required, .map(.name, Blueprint.HealthCheck.codec),
                "Checks, by name; one that fails takes a new generation back."),
            Key(
                "wanted", \.wanted, .map(.name, Blueprint.HealthCheck.codec),
                "Checks, by name, compared with the generation before; they are told of and take nothing back."),
        ])

    /// The canonical form, as a constructed system has it in `/usr/lib/pisces/health.json`.
    public var canonicalBytes: [UInt8] { Self.codec.encode(self).canonicalBytes }

    /// What a constructed system has of it, by path; where the blueprint asks for nothing, it has nothing.
    public var registers: [String: String] {
        if self == Self() { return [:] }
        var files = ["/usr/lib/pisces/health.json": String(decoding: canonicalBytes, as: UTF8.self) + "\n"]
        // The deadline of a trial leaves checks their time, and the boot before them five minutes more.
        if timeoutSeconds > Self().timeoutSeconds {
            files["/usr/lib/systemd/system/pisces-deadline.timer.d/50-blueprint.conf"] =
                "[Timer]\nOnBootSec=\nOnBootSec=\(timeoutSeconds + 300)\n"
        }
        return files
    }

    /// Reads a canonical form.
    public init(canonical bytes: [UInt8], file: String) throws(DocumentError) {
        let node = YAMLNode(try JSONValue(parsing: bytes, file: file), at: Mark(file: file, line: 1, column: 1))
        self = try Self.codec.decoded(node)
    }
}

extension Blueprint.HealthCheck {
    /// As written: one of the ways to say what is looked at.
    private struct Form: Sendable {
        var unit: String?
        var command: String?
        var timeoutSeconds = 30
    }

    static let codec = Codec<Form>.record(
        "check", Form(),
        [
            Key("unit", \.unit, .text(.unitName), "A unit that must be active.", alternative: "unit"),
            Key(
                "command", \.command, .text(.shellCommand), "A command for sh(1) whose status must be 0.",
                alternative: "command"),
            Key("timeout", \.timeoutSeconds, .duration, "After this time the check has failed."),
        ]
    ).converted(to: decoded, from: encoded)

    private static func decoded(_ form: Form, _: YAMLNode, _: inout Decoding) -> Self? {
        guard let subject = form.unit.map(Subject.unit) ?? form.command.map(Subject.command) else { return nil }
        var check = Self(subject)
        check.timeoutSeconds = form.timeoutSeconds
        return check
    }

    private static func encoded(_ check: Self) -> Form {
        switch check.subject {
        case .unit(let name): Form(unit: name, timeoutSeconds: check.timeoutSeconds)
        case .command(let text): Form(command: text, timeoutSeconds: check.timeoutSeconds)
        }
    }
}
