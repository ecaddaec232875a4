import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Where Secure Boot is on, what our key signed boots, and nothing else does.
@Suite(.machineSlots, .enabled(if: Needs.isMet, "set by make test-boot"))
struct SecureBootTests: ~Copyable {
    private let directory: TemporaryDirectory
    private let key: TestKey
    private let foreign: TestKey
    private var image: String { directory.path + "/signed.raw" }

    init() throws {
        let (key, foreign) = (try TestKey("node"), try TestKey("foreign"))
        directory = try TemporaryDirectory(in: "/var/tmp")
        self.key = key
        self.foreign = foreign
    }

    @Test func onlyWhatOurKeySignedBoots() throws {
        let construct = [
            "construct", Needs.repository + "/Blueprints/minimal.yaml", "--offline", "--output", image,
            "--secure-boot-key", key.keyPath, "--secure-boot-certificate", key.certificatePath,
        ]
        var command = Command(Needs.pisces, construct)
        // Where the store is.
        for name in ["HOME", "XDG_CACHE_HOME"] {
            if let value = getenv(name) { command.environment[name] = String(cString: value) }
        }
        _ = try command.run()
        try expectNoKeyInImage()
        try expectBoot()
        try expectRefusal(of: image, certificate: foreign)
        try expectRefusal(of: Needs.image, certificate: key)
        try expectRefusalOfAnotherKernelImage()
    }

    private func expectBoot() throws {
        let guest = try Guest(
            image: image, pisces: Needs.pisces, arguments: ["--secure-boot-certificate", key.certificatePath])
        _ = try guest.waitForBoot()
        let variable = { (name: String) in
            "od -An -tu1 -j4 /sys/firmware/efi/efivars/\(name)-8be4df61-93ca-11d2-aa0d-00e098032b8c"
        }
        #expect(try guest.run(variable("SecureBoot")).filter(\.isNumber) == "1")
        #expect(try guest.run(variable("SetupMode")).filter(\.isNumber) == "0")
        #expect(try guest.run("bootctl status").contains("Secure Boot: enabled (user)"))
        // The kernel believes it, and locks itself down: only modules that Debian signed load.
        #expect(try guest.run("cat /sys/kernel/security/lockdown").contains("[integrity]"))
        #expect(try guest.run("cat /proc/modules").contains("dm_verity "))
        #expect(try guest.run("modprobe dummy && grep -c '^dummy ' /proc/modules") == "1")
        #expect(try guest.run("cat /proc/sys/kernel/tainted") == "0")
        #expect(try guest.run("cat /sys/block/dm-0/dm/uuid").hasPrefix("CRYPT-VERITY-"))
        #expect(try guest.run("systemctl is-system-running --wait || true") == "running")
    }

    /// The firmware says why it does not start the boot loader, and nothing of ours runs.
    private func expectRefusal(of image: String, certificate: TestKey) throws {
        let guest = try Guest(
            image: image, pisces: Needs.pisces, arguments: ["--secure-boot-certificate", certificate.certificatePath])
        let console = try guest.waitForConsole("No bootable option or device was found")
        #expect(console.contains("BdsDxe: failed to load Boot0001"), "\(console)")
        #expect(console.contains("Access Denied"), "\(console)")
        #expect(!console.contains("EFI stub") && !console.contains("Linux version"), "\(console)")
    }

    /// The boot loader is ours, but the kernel image has one bit changed.
    private func expectRefusalOfAnotherKernelImage() throws {
        let manifest = try JSONValue(
            parsing: try Descriptor.open(directory.path + "/signed.manifest.json").readToEnd(), file: "manifest")
        let artefacts = manifest["artefacts"]?.array ?? []
        let digest = try #require(artefacts.first { $0["name"]?.string == "uki" }?["sha256"]?.string)
        let partitions = manifest["partitions"]?.array ?? []
        let start = try #require(partitions.first { $0["name"]?.string == "esp" }?["start"]?.integer)
        let (volume, file) = ("\(image)@@\(start)", "::/EFI/pisces/\(digest).efi")
        let copy = directory.path + "/copy.efi"
        try run("mcopy", "-i", volume, file, copy)
        let kernel = try Descriptor.open(copy, O_RDWR)
        let middle = try kernel.status().size / 2
        try kernel.writeAll([try kernel.bytes(at: middle, count: 1)[0] ^ 1], at: middle)
        try run("mcopy", "-o", "-i", volume, copy, file)
        let guest = try Guest(
            image: image, pisces: Needs.pisces, arguments: ["--secure-boot-certificate", key.certificatePath])
        let console = try guest.waitForConsole("Access denied", or: "Security violation")
        #expect(console.contains("BdsDxe: starting Boot0001"), "\(console)")
        #expect(!console.contains("EFI stub") && !console.contains("Linux version"), "\(console)")
    }

    /// Nothing of the private key is in the image: not its text, not its numbers.
    private func expectNoKeyInImage() throws {
        let text = String(decoding: try Descriptor.open(key.keyPath).readToEnd(), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").dropFirst(3).first)
        #expect(try !imageHolds(Array(line.utf8)))
        // The private exponent, as any encoding of the key but PEM holds it.
        let numbers = try run("openssl", "rsa", "-in", key.keyPath, "-noout", "-text")
        let exponent = try #require(numbers.split(separator: "privateExponent:").last?.split(separator: "prime1").first)
        let digits = Array(exponent.filter(\.isHexDigit).suffix(64))
        let number = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        try #require(number.count == 32)
        #expect(try !imageHolds(number))
        // The same search finds what is there.
        #expect(try imageHolds(Array(try key.certificate().der.suffix(32))))
    }

    /// Whether the bytes are anywhere in the image, line ends among them.
    private func imageHolds(_ bytes: [UInt8]) throws -> Bool {
        let file = try Descriptor.open(image)
        let size = try file.status().size
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.rawValue, 0), start != MAP_FAILED else {
            throw SystemError(call: "mmap", subject: image, code: errno)
        }
        defer { munmap(start, size) }
        var next = start
        let end = start + size - bytes.count
        while next <= end, let found = memchr(next, Int32(bytes[0]), end - next + 1) {
            if memcmp(found, bytes, bytes.count) == 0 { return true }
            next = found + 1
        }
        return false
    }
}
