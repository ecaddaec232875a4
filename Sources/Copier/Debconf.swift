internal import BlueprintModel
internal import Debian
internal import LinuxSystem

extension Reading {
    private static let kind = "debconf"
    private static let folder = "/var/cache/debconf"
    /// What other kinds say: language, keyboard and time.
    private static let saidElsewhere: Set = ["console-setup", "keyboard-configuration", "locales", "tzdata"]

    /// Reads what debconf(7) was answered: by a person, for what scripts answer themselves they will answer again.
    mutating func readDebconf(_ packages: InstalledPackages, into blueprint: inout Blueprint) throws {
        let questions = debconfRecords("config.dat")
        let templates = questions.isEmpty ? [:] : debconfRecords("templates.dat")
        let installed = Set(packages.packages.map(\.name)).subtracting(Self.saidElsewhere)
        for (name, question) in questions.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard let value = question.fields["value"] else { continue }
            holding.answers[name] = value
            let owners = question.owners.map { $0.prefix { $0 != ":" } }.map(String.init).unique
                .filter(installed.contains).sorted(by: bytesPrecede)
            guard question.flags.contains("seen"), !owners.isEmpty,
                let record = templates[question.fields["template"] ?? name]
            else { continue }
            let template = Debconf.Template(record)
            if template.type == "password", !value.isEmpty { leaveOut(Self.kind, name, "it is a password") }
            guard template.isQuestion, value != template.answerOfNobody(question.variables),
                !scriptsAnswer(name, value, of: owners)
            else { continue }
            if let kind = SecretFiles.kind(in: Array("\(name)=\(value)".utf8))
                ?? SecretFiles.kind(in: Array(value.utf8))
            {
                leaveOut(Self.kind, name, "the answer holds \(kind)")
            } else if let owner = owners.first(where: { asks($0, name, value, question.variables) }) {
                blueprint.debconf[owner, default: [:]][name] = value
            }
        }
        for (name, password) in debconfRecords("passwords.dat").sorted(by: { bytesPrecede($0.key, $1.key) })
        where !(password.fields["value"] ?? "").isEmpty {
            leaveOut(Self.kind, name, "it is a password")
        }
    }

    /// The paragraphs of a file of the database; what debconf cannot read either is noted.
    private mutating func debconfRecords(_ name: String) -> [String: Debconf.Record] {
        let file = "\(Self.folder)/\(name)"
        let (records, line) = Debconf.records(bytes(of: file, Self.kind) ?? [])
        if let line {
            leaveOut(Self.kind, "\(file):\(line)", "a paragraph without a name: debconf does not read on from here")
        }
        return records
    }

    /// Whether the constructor can give the answer: the package has the question itself, and may be answered so.
    private mutating func asks(
        _ package: String, _ name: String, _ value: String, _ variables: [String: String]
    ) -> Bool {
        let folder = "/var/lib/dpkg/info"
        let files =
            ["\(folder)/\(package).templates"]
            + names(in: folder, Self.kind).filter { $0.hasPrefix("\(package):") && $0.hasSuffix(".templates") }
            .map { "\(folder)/\($0)" }
        let templates = files.flatMap { Debconf.templates(((try? root.read($0)) ?? nil) ?? []) }
        guard let template = templates.first(where: { $0.name == name }) else {
            leaveOut(Self.kind, name, "a script of \(package) made this question as it ran")
            return false
        }
        guard TextForm.packageName.allows(package), TextForm.questionName.allows(name), TextForm.answer.allows(value)
        else {
            leaveOut(Self.kind, name, "a blueprint cannot have this question, or this answer")
            return false
        }
        if template.isQuestion, template.wanted(insteadOf: value, variables) == nil { return true }
        leaveOut(Self.kind, name, "what was answered is nothing that \(package) offers")
        return false
    }

    /// Whether a script of the packages gives the answer itself: one that is written in it, or what it finds in the
    /// configuration, which travels as files.
    private func scriptsAnswer(_ question: String, _ answer: String, of packages: [String]) -> Bool {
        packages.contains { package in
            let names = DpkgState.names(in: "/var/lib/dpkg/info", root).filter { name in
                ["config", "preinst", "postinst"].contains { ending in
                    name == "\(package).\(ending)" || name.hasPrefix("\(package):") && name.hasSuffix(".\(ending)")
                }
            }
            return names.contains { name in
                let script = (try? root.read("/var/lib/dpkg/info/\(name)", limit: 4 << 20)) ?? nil
                return AnsweringScript.gives(answer, to: question, script ?? [])
            }
        }
    }
}

/// Scripts that answer questions: `db_set QUESTION ANSWER` of the shell, and `set("QUESTION", "ANSWER")` of Perl.
enum AnsweringScript {
    /// Whether a script gives the answer: a variable in it may be anything, and so may one in the question's name. A name
    /// that is nothing but a variable is a function's, whose callers name questions by the dozen: it counts for nothing.
    static func gives(_ answer: String, to question: String, _ script: [UInt8]) -> Bool {
        script.split(separator: newline).contains { line in
            line.indices.contains { index in
                guard index == line.startIndex || !isOfName(line[index - 1]),
                    let command = commands.first(where: { line[index...].starts(with: $0.utf8) })
                else { return false }
                var rest = line[(index + command.utf8.count)...]
                guard let next = rest.first, isBlank(next) || next == UInt8(ascii: "(") else { return false }
                let name = pattern(of: argument(&rest))
                guard name.contains(UInt8(ascii: "/")), matches(name, question) else { return false }
                return matches(pattern(of: argument(&rest)), answer)
            }
        }
    }

    private static let commands = ["db_set", "set", "SET"]
    private static let newline = UInt8(ascii: "\n")

    /// Takes the next argument of a command, without its quotes.
    private static func argument(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        rest = rest.drop { isBlank($0) || "(,".utf8.contains($0) }
        let argument: ArraySlice<UInt8>
        if let quote = rest.first, "\"'".utf8.contains(quote) {
            argument = rest.dropFirst().prefix { $0 != quote }
        } else {
            argument = rest.prefix { !isBlank($0) && !",);".utf8.contains($0) }
        }
        rest = rest[argument.endIndex...].drop { "\"'".utf8.contains($0) }
        return argument
    }

    /// The argument with a star in the place of each variable; what is computed in another way is one as a whole.
    private static func pattern(of argument: ArraySlice<UInt8>) -> [UInt8] {
        var pattern: [UInt8] = []
        var rest = argument
        while let byte = rest.popFirst() {
            if "`(".utf8.contains(byte) { return [UInt8(ascii: "*")] }
            if "*?[\\".utf8.contains(byte) { pattern.append(UInt8(ascii: "\\")) }
            guard byte == UInt8(ascii: "$") else {
                pattern.append(byte)
                continue
            }
            pattern.append(UInt8(ascii: "*"))
            if rest.first == UInt8(ascii: "{") {
                rest = rest.drop { $0 != UInt8(ascii: "}") }.dropFirst()
            } else {
                rest = rest.drop(while: isOfName)
            }
        }
        return pattern
    }

    private static func matches(_ pattern: [UInt8], _ text: String) -> Bool {
        Array(text.utf8).withUnsafeBufferPointer { globMatches(pattern[...], $0[...]) }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
