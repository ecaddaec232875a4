import Debian
import LinuxSystem

/// Gives answers to packages' questions before the packages are configured, as debconf-set-selections(1) does. Of which
/// type a question is, and what there is to choose from, the packages' templates say.
struct Preseed: Sendable {
    /// What debconf-set-selections(1) reads: a package, a question, its type and the answer to a line.
    let selections: String

    /// Refuses answers that no package asks for, and those that are none.
    ///
    /// - Parameter answers: by package, then by question.
    init(_ answers: [String: [String: String]], packages: [UnpackedPackage]) throws {
        var lines = ""
        for (name, answers) in answers.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard let package = packages.first(where: { $0.locked.name == name }) else {
                throw ConstructorError(
                    "debconf: \(name): no package of this name is in the lock, so nobody asks",
                    hint: "name it under `packages: install`, too, or leave its answers out")
            }
            let templates = Debconf.templates(package.member("templates") ?? [])
            for (question, answer) in answers.sorted(by: { bytesPrecede($0.key, $1.key) }) {
                let place = "debconf: \(name): \(question)"
                guard let template = templates.first(where: { $0.name == question }) else {
                    throw Self.unknown(question, place, templates, packages)
                }
                try Self.check(answer, template, place)
                lines += "\(name) \(question) \(template.type) \(answer)\n"
            }
        }
        selections = lines
    }

    private static func unknown(
        _ question: String, _ place: String, _ templates: [Debconf.Template], _ packages: [UnpackedPackage]
    ) -> ConstructorError {
        let others = packages.filter { package in
            Debconf.templates(package.member("templates") ?? []).contains { $0.name == question }
        }
        if let other = others.first?.locked.name {
            return ConstructorError(
                "\(place): this package has no such question, \(other) has it", hint: "write it under \(other)")
        }
        let known = templates.filter(\.isQuestion).map(\.name).sorted(by: bytesPrecede).joined(separator: ", ")
        return ConstructorError(
            "\(place): no package of the lock has this question",
            hint: known.isEmpty
                ? "leave it out: this package asks for nothing" : "name one of those that this package has: \(known)")
    }

    private static func check(_ answer: String, _ template: Debconf.Template, _ place: String) throws {
        if template.type == "password" {
            throw ConstructorError(
                "\(place): this asks for a password, and a blueprint holds no secret",
                hint: "leave it out, and set the password on the machine")
        }
        guard template.isQuestion else {
            throw ConstructorError(
                "\(place): this is a text of the type \(template.type), to which there is no answer",
                hint: "leave it out")
        }
        if let wanted = template.wanted(insteadOf: answer) {
            throw ConstructorError("\(place): \"\(answer)\" is no answer", hint: "write \(wanted)")
        }
    }

    /// Puts the answers into debconf's database, each as one that was given to a person's liking.
    func run(in root: StagedRoot, epoch: Int64, inRoot: ToolRunner) throws {
        if selections.isEmpty { return }
        guard root.exists("usr/bin/debconf-set-selections") else {
            throw ConstructorError(
                "debconf: no package ships /usr/bin/debconf-set-selections", hint: "install debconf")
        }
        let result = try inRoot(
            ["debconf-set-selections"], Configure.environment(epoch: epoch), Array(selections.utf8))
        guard result.status == 0 else {
            throw ConstructorError.program(
                "debconf: debconf-set-selections", result.status, said: result.errorOutput + result.output)
        }
    }
}
