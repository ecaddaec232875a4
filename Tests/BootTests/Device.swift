import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting

/// A device whose operator publishes generations for it: an image, what it may be upgraded to, and the keys.
///
/// Everything is made by the real program, in one folder, which goes away with this.
final class Device {
    let directory: TemporaryDirectory
    let image: String
    /// A disk with a folder for each generation: what an operator would carry there on a stick.
    let stick: String
    /// What its operator logs in with.
    private let key: String
    /// Of the generation that the device is to be upgraded to.
    let bodies: [String: [UInt8]]
    /// Of the image, which is called "device", and of all generations.
    let rootHashes: [String: String]

    private static let base = """
        blueprint: 1
        name: device
        include: [REPOSITORY/Blueprints/minimal.yaml]
        packages: [curl]
        files:
          /usr/lib/pisces/trust.d/vendor.pem: { text: "PUBLIC" }
        health:
          timeout: 30s
          required: { ssh: { unit: ssh.service } }

        """

    /// Generations by name, and what is different about them.
    static let generations = [
        "good": """
        files: { /etc/motd: { text: "the next generation\\n" } }
        health: { wanted: { network: { command: "getent hosts nowhere.invalid", timeout: 10s } } }
        """,
        "other": "files: { /etc/motd: { text: \"yet another generation\\n\" } }",
        "sick": "health: { timeout: 10s, required: { never: { command: \"echo it hurts; false\" } } }",
        "panics": unit("panics", "ExecStart=sh -c 'echo c > /proc/sysrq-trigger'"),
        // systemd itself hangs: nothing but the watchdog can end that.
        "hangs": unit("hangs", "ExecStart=kill -SEGV 1")
            + "\n  /usr/lib/systemd/system.conf.d/60-hangs.conf: { text: \"[Manager]\\nRuntimeWatchdogSec=20s\\n\" }",
        // A unit never comes to an end, so that nothing behind it begins: nobody is there to judge.
        "stuck": unit("stuck", "Type=oneshot\\nTimeoutStartSec=infinity\\nExecStart=sleep infinity")
            + "\n  /usr/lib/systemd/system/pisces-deadline.timer.d/60-stuck.conf: "
            + "{ text: \"[Timer]\\nOnBootSec=\\nOnBootSec=1min\\n\" }",
    ]

    /// A unit that every boot starts.
    private static func unit(_ name: String, _ service: String) -> String {
        """
        units: { enable: [\(name).service] }
        files:
          /usr/lib/systemd/system/\(name).service:
            text: "[Service]\\n\(service)\\n[Install]\\nWantedBy=multi-user.target\\n"
        """
    }

    init(generations names: [String]) throws {
        directory = try TemporaryDirectory(in: "/var/tmp")
        let path = directory.path
        for key in ["vendor", "stranger"] {
            _ = try Command(Needs.pisces, ["key", "generate", "\(path)/\(key)"]).run()
        }
        let pem = String(decoding: try Descriptor.open("\(path)/vendor.pem").readToEnd(), as: UTF8.self)
        let base = Self.base.replacing("PUBLIC", with: pem.replacing("\n", with: "\\n"))
        image = try Needs.construct("device", base, in: path)
        // Room for what the device keeps; devices have larger disks than images.
        _ = try Command("truncate", ["-s", "+512M", image]).run()
        try makeDirectories("\(path)/stick")
        var rootHashes = ["device": try Self.rootHash("\(path)/device.manifest.json")]
        for name in names {
            let blueprint = "blueprint: 1\nname: device\ninclude: [device.yaml]\n\(Self.generations[name] ?? "")\n"
            try AtomicFile.write(Array(blueprint.utf8), to: "\(path)/\(name).yaml")
            _ = try Command(
                Needs.pisces,
                [
                    "construct", "\(path)/\(name).yaml", "--output", "split:\(path)/stick/\(name)", "--sign-key",
                    "\(path)/vendor", "--no-sbom",
                ]
            ).run()
            rootHashes[name] = try Self.rootHash("\(path)/stick/\(name)/manifest.json")
        }
        self.rootHashes = rootHashes
        var bodies: [String: [UInt8]] = [:]
        for name in try Descriptor.directory("\(path)/stick/good").entries() {
            bodies[name] = try Descriptor.open("\(path)/stick/good/\(name)").readToEnd()
        }
        self.bodies = bodies
        try Self.forge(in: path)
        key = try Guest.makeKey("\(path)/operator")
        stick = "\(path)/stick.raw"
        _ = try Command("mke2fs", ["-q", "-t", "ext4", "-d", "\(path)/stick", stick, "2560M"]).run()
        _ = try Command("rm", ["-rf", "\(path)/stick"]).run()
    }

    private static func rootHash(_ manifest: String) throws -> String {
        try JSONValue(parsing: try Descriptor.open(manifest).readToEnd(), file: manifest)["root-hash"]?.string ?? ""
    }

    /// Manifests that a device must not take, each signed by the vendor but one.
    private static func forge(in path: String) throws {
        let good = "\(path)/stick/good/manifest.json"
        let manifest = try JSONValue(parsing: try Descriptor.open(good).readToEnd(), file: good)
        let root = (manifest["artefacts"]?.array?.first { $0["name"]?.string == "root" })?["size"]?.integer ?? 0
        let forgeries: [(name: String, key: String, old: String, new: String)] = [
            ("foreign", "stranger", "", ""),
            ("older", "vendor", "\"release\": \(manifest["release"]?.integer ?? 0)", "\"release\": 5"),
            ("arm64", "vendor", "\"amd64\"", "\"arm64\""),
            ("large", "vendor", "\"size\": \(root)", "\"size\": \(2 << 30)"),
        ]
        let text = String(decoding: try Descriptor.open(good).readToEnd(), as: UTF8.self)
        for forgery in forgeries {
            let folder = "\(path)/stick/\(forgery.name)"
            try makeDirectories(folder)
            let changed = forgery.old.isEmpty ? text : text.replacing(forgery.old, with: forgery.new)
            try AtomicFile.write(Array(changed.utf8), to: "\(folder)/manifest.json")
            _ = try Command(
                Needs.pisces, ["key", "sign", "\(folder)/manifest.json", "--key", "\(path)/\(forgery.key)"]
            ).run()
        }
    }

    /// Boots the device; what it writes is kept.
    func boot() throws -> Guest {
        try Guest(image: image, pisces: Needs.pisces, arguments: ["--keep", "--disk", stick], key: key)
    }
}

extension Guest {
    /// What the guest says of itself; nil if it does not answer.
    func status() throws -> DeviceStatus? {
        let answer = try ssh("pisces status --json")
        return answer.status == .exited(0) ? try DeviceStatus(answer.output) : nil
    }
}

/// What `pisces status --json` says.
struct DeviceStatus {
    let phase: String
    let booted: Int
    let good: Int
    let json: JSONValue

    init(_ text: [UInt8]) throws {
        json = try JSONValue(parsing: text, file: "status")
        phase = json["phase"]?.string ?? ""
        booted = json["booted"]?["generation"]?.integer ?? 0
        good = json["good"]?.integer ?? 0
    }

    /// Waits until a guest runs a committed system with nothing under way, however often it restarts until then.
    static func settled(
        _ guest: borrowing Guest, seconds: Int = 600, where isSettled: (DeviceStatus) -> Bool
    ) throws -> DeviceStatus {
        var last = "no answer"
        let start = now()
        while now() - start < seconds {
            if let status = try guest.status() {
                if isSettled(status) { return status }
                last = status.json.canonical
            }
            sleep(1)
        }
        // Whether it still answers, and what it waits for, tells a guest that stands still from one that does not decide.
        let look = try guest.ssh(
            "ps -eo pid,stat,etimes,wchan:24,args; systemctl list-jobs; journalctl -b -n 40 -o short-monotonic")
        throw Guest.Failure(
            description: "not settled within \(seconds) s; last status: \(last)\n"
                + "asked now (\(look.status)): \(look.text)\n\(guest.console().suffix(3000))")
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
