import ArgumentParser
import Controller

struct RevertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revert",
        abstract: "Put files below /etc back to what the running generation has.",
        discussion: """
            What the blueprint and its packages say, not what was changed since: pisces diff --running tells what that \
            is. A directory is put back with all that it holds; what the generation does not have is removed.
            """)

    @Argument(help: "What to put back: a file or directory below /etc.", completion: .file())
    var paths: [String]

    @Flag(name: [.customShort("n"), .long], help: "Say what would be done, and change nothing.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let console = Console(output)
        // All are looked at before any is changed.
        let reversions = try paths.map { try EtcReversion(of: $0) }
        for (path, reversion) in zip(paths, reversions) {
            if !dryRun { try reversion.run() }
            for gone in reversion.removed where !reversion.restored.contains(gone) {
                console.result("removed /etc\(gone)")
            }
            for restored in reversion.restored { console.result("restored /etc\(restored)") }
            if reversion.removed.isEmpty && reversion.restored.isEmpty {
                console.note("\(path): as the running generation has it")
            }
        }
    }
}
