import ArgumentParser
import BlueprintModel
import Constructor
import Controller
import LinuxSystem
import SlotMachine
import Verifier

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that a disk image, or what this machine runs, is what its manifest says.",
        discussion: """
            Reads the whole image, boots and changes nothing. Of all that is wrong, the first bytes are named, and the \
            file they belong to. Without a manifest, the root hash in the image's own partition table has to do. \
            Without an image, both slots of this machine are read. Exit status 1 if anything is wrong.
            """)

    @Argument(help: "The disk image.", completion: .file(extensions: ["raw"]))
    var image: String?

    @Option(
        name: .long, help: "What the image must be (default: NAME.manifest.json beside NAME.raw, if it is there).",
        completion: .file(extensions: ["json"]))
    var manifest: String?

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        guard let image else { return try verifySlots(console) }
        let medium = try Medium(try Descriptor.open(image))
        let manifest = try loadManifest(image)
        if manifest == nil { console.note("no manifest: \(image) is held to the root hash that it names itself") }
        let verdict = try ImageVerification(medium, manifest: manifest).run()
        for check in verdict.checks {
            let findings = verdict.findings.filter { $0.check == check }
            console.check(check.rawValue, isGood: findings.isEmpty)
            if !output.json { for finding in findings { console.result(finding.description) } }
        }
        if output.json {
            console.result(json(verdict, image).canonical)
        } else if let hash = verdict.rootHash, verdict.findings.isEmpty {
            console.result("\(image): nothing is wrong, root hash \(hash)")
        }
        if !verdict.findings.isEmpty { throw ExitCode(1) }
    }

    private func verifySlots(_ console: Console) throws {
        let machine = try RunningMachine.open(.reading)
        var isBad = false
        for slot in Slot.allCases {
            guard let found = try machine.verify(slot) else { continue }
            isBad = isBad || !found.problems.isEmpty
            console.check("slot \(slot.rawValue), generation \(found.generation)", isGood: found.problems.isEmpty)
            for problem in found.problems { console.result(problem) }
        }
        if isBad { throw ExitCode(1) }
    }

    private func loadManifest(_ image: String) throws -> GenerationManifest? {
        guard let path = self.manifest ?? Output(.raw, path: image).manifestPath else { return nil }
        do {
            return try GenerationManifest(parsing: try Workspace.readFile(path, limit: 1 << 24), file: path)
        } catch let error as SystemError where error.isNotFound && self.manifest == nil {
            return nil
        }
    }

    private func json(_ verdict: ImageVerification.Verdict, _ image: String) -> JSONValue {
        .object([
            "image": .string(image),
            "valid": .bool(verdict.findings.isEmpty),
            "root-hash": verdict.rootHash.map { .string($0.hex) } ?? .null,
            "findings": .array(
                verdict.findings.map { finding in
                    .object([
                        "check": .string(finding.check.rawValue), "subject": .string(finding.subject),
                        "start": finding.range.map { .integer($0.lowerBound) } ?? .null,
                        "size": finding.range.map { .integer($0.count) } ?? .null,
                        "path": finding.path.map { .string($0) } ?? .null, "problem": .string(finding.problem),
                    ])
                }),
        ])
    }
}
