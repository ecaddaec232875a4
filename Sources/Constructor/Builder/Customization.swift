import BlueprintModel
import Debian
import LinuxSystem

/// Makes in the staged root what the blueprint says besides packages: one extension, in a file of its name, per kind.
///
/// Where the root has a tool for it (useradd, systemctl), that tool runs in the sandbox, so that the registers are as
/// Debian keeps them; plain configuration files are written directly.
struct Customization {
    let root: StagedRoot
    let blueprint: Blueprint
    let lock: Lock
    /// Runs a program inside the root, in the sandbox.
    let inRoot: ToolRunner

    func run() throws {
        try makeRepositories()
        try makeLocale()
        try makeTime()
        try makeKernel()
        try makeHealth()
        try makeNetwork()
        try makeUsers()
        try makeHolds()
        try makeAlternatives()
        // Before the files: one of them may be in the place of what is moved away.
        try makeDiversions()
        try makeMounts()
        try makeContainers()
        try makeMachineIdentity()
        // After all that Pisces writes itself: what the blueprint spells out wins.
        try makeFiles()
        // A file may be among what is overridden.
        try makeStatOverrides()
        // Last: the units to enable may be among the files.
        try makeUnits()
    }

    /// Runs a tool of the root; a status other than 0 is an error that says what was being made.
    func tool(_ arguments: [String], input: [UInt8]? = nil, making what: String, hint: String? = nil) throws {
        let result = try inRoot(arguments, Configure.environment(epoch: lock.epoch), input)
        guard result.status == 0 else {
            throw ConstructorError.program(
                "\(what): \(arguments.first ?? "")", result.status, said: result.errorOutput + result.output,
                hint: hint)
        }
    }

    /// Writes plain configuration files.
    func write(_ registers: [String: String]) throws {
        for (path, text) in registers.sorted(by: { bytesPrecede($0.key, $1.key) }) { try root.write(text, to: path) }
    }

    /// Refuses a blueprint that needs a package it does not install.
    func require(_ path: String, for what: String, package: String) throws {
        guard root.exists(path) else {
            throw ConstructorError("\(what) needs /\(path), which no package ships", hint: "install \(package)")
        }
    }
}
