import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests.DeviceTests {
    /// A device that has the packages of its blueprint, and a folder with one.
    private func makeBuilder(_ blueprint: String) throws -> (device: Device, folder: Folder) {
        let device = try makeDevice()
        // As `image: { store: true }` has it.
        try run("ln", "-s", Site.warmStore, "\(device.path)/state/store")
        let folder = try site.makeFolder("blueprint", blueprint: blueprint)
        try folder.fitLock()
        try site.warm(folder)
        return (device, folder)
    }

    private func upgrade(_ device: Device, _ folder: Folder, _ options: String...) throws -> Outcome {
        var command = device.command("upgrade", folder.blueprint, "--offline", cache: folder.cache)
        command.arguments += options
        return try command.outcome()
    }

    @Test func blueprintIsConstructedOnTheSpotAndLeavesNothingBehind() throws {
        let (device, folder) = try makeBuilder(nodeBlueprint)
        let build = "\(device.path)/state/build"
        let before = try device.fingerprint()
        // What an earlier one left that was killed.
        try makeDirectories("\(build)/generation")
        // The same blueprint and lock are the very system that runs.
        var outcome = try upgrade(device, folder)
        #expect(outcome.isRefused("this very system is running"), outcome.text)
        #expect(access(build, F_OK) != 0)
        #expect(try upgrade(device, folder, "--unattended").isDone("nothing to do"))

        try write("packages: [", to: folder.blueprint)
        outcome = try upgrade(device, folder)
        #expect(
            outcome.isRefused("node.yaml:2:1: not valid YAML", "could not be constructed, so nothing was installed"),
            outcome.text)
        // A package that the lock does not name, and none is there to make a new lock of.
        try write(nodeBlueprint.replacing("- tzdata", with: "- tzdata\n    - frobnicator"), to: folder.blueprint)
        outcome = try upgrade(device, folder)
        #expect(outcome.isRefused("could not be constructed, so nothing was installed"), outcome.text)
        #expect(try device.fingerprint() == before)
        #expect(access(build, F_OK) != 0)

        try write(nodeBlueprint.replacing("Welcome", with: "Made here"), to: folder.blueprint)
        try folder.fitLock()
        // Nobody has to sign what the machine itself makes.
        outcome = try upgrade(device, folder, "--flip")
        #expect(outcome.isDone("generation 2 is staged in slot b, constructed here", "is booted next"), outcome.text)
        #expect(try device.events() == ["staged 2", "flipped 2"])
        #expect(access(build, F_OK) != 0)
        try device.reboot()
        #expect(try device.shell("cat /etc/motd; pisces health --judge; pisces commit").hasPrefix("Made here\n"))
        #expect(try device.pisces("verify").isDone("✓ slot b, generation 2"))
    }
}
