import ArgumentParser

@main
struct Pisces: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pisces")
}
