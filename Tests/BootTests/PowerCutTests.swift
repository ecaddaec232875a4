import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Power cuts at random moments of real upgrades: download, writing, arming, first boot, commit.
///
/// A cut kills QEMU: what the guest's disk was told before is on the host, flushed or not. That is a machine that stops,
/// not a disk that loses or reorders what its cache held: for that see `CrashTests`.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct PowerCutTests {
    /// How many cuts; each has its seed, from the first on.
    private static let (count, first) = (number("PISCES_POWER_CUTS") ?? 5, number("PISCES_POWER_SEED") ?? 1)

    private static func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }

    @Test func machineStartsAfterPowerCutsAndIsUpgradedAllTheSame() throws {
        let device = try Device(generations: ["good", "other"])
        let server = try HTTPServer(device.bodies)
        try server.serve {
            var machine = try PoweredDevice(device, goodSource: "http://10.0.2.2:\(server.port)/good/")
            let milliseconds = try machine.upgrade()
            #expect(machine.running == "good")
            for seed in Self.first..<Self.first + Self.count {
                try machine.expectSurvival(seed: seed, of: milliseconds)
                print("survived power cut \(seed): \(machine.running) runs")
            }
        }
    }
}

/// A device that is switched on, and which of its generations it runs.
private struct PoweredDevice: ~Copyable {
    private let device: Device
    private let goodSource: String
    private var guest: Guest
    /// The generation by name; it is committed.
    private(set) var running: String

    init(_ device: Device, goodSource: String) throws {
        let guest = try device.boot()
        _ = try guest.waitForBoot()
        self.guest = guest
        (self.device, self.goodSource, running) = (device, goodSource, "device")
    }

    /// Upgrades to the other one, undisturbed; how long that took until its commit.
    mutating func upgrade() throws -> Int {
        let start = Self.milliseconds()
        let before = try #require(try guest.status()).booted
        try startUpgrade()
        let status = try DeviceStatus.settled(guest) { $0.isAtRest && $0.booted != before }
        let took = Self.milliseconds() - start
        let target = target
        running = try runningGeneration()
        #expect(running == target && status.phase == "committed", "\(running): \(status.json.canonical)")
        return took
    }

    /// Cuts the power some time, of `milliseconds` at most, after the start of an upgrade, and switches on again.
    mutating func expectSurvival(seed: UInt64, of milliseconds: Int) throws {
        var generator = SeededGenerator(state: seed)
        let delay = Int.random(in: 0...milliseconds, using: &generator)
        var story = "seed \(seed): from \(running) to \(target), power cut after \(delay) of \(milliseconds) ms"
        do {
            try guest.run("echo \(seed) > /var/lib/power-cut && sync")
            let start = Self.milliseconds()
            try startUpgrade()
            usleep(UInt32(max(0, delay - (Self.milliseconds() - start))) * 1000)
            try guest.cutPower()
            story += "; its console ended: …\(guest.console().suffix(200))"
            try waitForUnlockedDisk()
            guest = try device.boot()
            _ = try guest.waitForBoot()
            story += "\nthen: \(try guest.status()?.json.canonical ?? "no status")"
            let known = [running, target]
            running = try runningGeneration()
            #expect(known.contains(running), "\(story)")
            let status = try DeviceStatus.settled(guest) { $0.isAtRest }
            running = try runningGeneration()
            story += "\nat rest, on \(running): \(status.json.canonical)"
            #expect(known.contains(running), "\(story)")
            // One cut takes one try of three.
            #expect(status.phase != "failed" && status.json["failures"]?.array?.isEmpty != false, "\(story)")
            let verified = try guest.ssh("pisces verify 2>&1")
            #expect(verified.status == .exited(0), "\(story)\n\(verified.text)")
            #expect(try guest.run("cat /var/lib/power-cut") == "\(seed)", "\(story)")
            _ = try upgrade()
        } catch {
            throw Guest.Failure(description: "\(story)\n\(error)\nconsole: …\(guest.console().suffix(3000))")
        }
    }

    private var target: String { running == "good" ? "other" : "good" }

    /// Goes on by itself in the guest. One of the generations comes over the network, the other from the stick.
    private func startUpgrade() throws {
        let source = target == "good" ? goodSource : "/run/stick/\(target)"
        try guest.run(
            """
            mkdir -p /run/stick; mountpoint -q /run/stick || mount -o ro /dev/vdb /run/stick
            systemd-run --quiet --collect pisces upgrade --insist --reboot \(source)
            """)
    }

    /// What dm-verity holds the root file system to, by name.
    private func runningGeneration() throws -> String {
        let hash = try guest.run("sed -n 's/^Root-Hash: //p' /run/pisces/boot")
        return device.rootHashes.first { $0.value == hash }?.key ?? "unknown root hash \(hash)"
    }

    /// QEMU, killed, has let go of the image: nothing is written to it any more (fcntl(2), "Open file description locks").
    private func waitForUnlockedDisk() throws {
        let getLock: Int32 = 36  // F_OFD_GETLK, linux/fcntl.h
        let image = try Descriptor.open(device.image, O_RDWR)
        for _ in 0..<1000 {
            var lock = flock()
            lock.l_type = Int16(F_WRLCK)
            guard fcntl(image.rawValue, getLock, &lock) == 0 else {
                throw SystemError(call: "fcntl", subject: device.image, code: errno)
            }
            if lock.l_type == F_UNLCK { return }
            usleep(10_000)
        }
        throw Guest.Failure(description: "\(device.image): still in use")
    }

    private static func milliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

extension DeviceStatus {
    /// Whether the next start is as this one: no upgrade waits for its boot or its verdict.
    fileprivate var isAtRest: Bool { booted == good && !["armed", "trying", "healthy"].contains(phase) }
}
