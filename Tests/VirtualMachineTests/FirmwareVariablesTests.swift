import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import VirtualMachine

@Suite(.enabled(if: access("/usr/share/OVMF/OVMF_VARS_4M.fd", R_OK) == 0, "package ovmf"))
struct FirmwareVariablesTests {
    private static let key = Result { try TestKey("firmware") }
    private let certificate: Certificate
    private let volume: [UInt8]

    init() throws {
        certificate = try Self.key.get().certificate()
        volume = try Descriptor.open("/usr/share/OVMF/OVMF_VARS_4M.fd").readToEnd()
    }

    private func refusal(_ volume: [UInt8]) -> String {
        do throws(MachineError) {
            _ = try FirmwareVariables.enrolling(certificate, in: volume)
            return "none"
        } catch { return "\(error)" }
    }

    /// The variables as another program reads them (virt-firmware): name to vendor, attributes and size.
    @Test func certificateIsInEachOfTheDatabases() throws {
        let directory = try TemporaryDirectory()
        let firmware = try Firmware.prepare(
            for: .amd64, variablesPath: "\(directory.path)/vars.fd", secureBoot: certificate)
        #expect(firmware.isSecure && firmware.codePath.hasSuffix("secboot.fd"))
        let dump = try run("virt-fw-dump", "-i", firmware.variablesPath)
        let size = String(certificate.der.count + 44, radix: 16)
        for line in [
            "variable=guid:EfiGlobalVariable nsize=0x6 dsize=0x\(size) attr=0x27 name=PK (ok)",
            "variable=guid:EfiGlobalVariable nsize=0x8 dsize=0x\(size) attr=0x27 name=KEK (ok)",
            "variable=guid:EfiImageSecurityDatabase nsize=0x6 dsize=0x\(size) attr=0x27 name=db (ok)",
            "variable=guid:EfiSecureBootEnableDisable nsize=0x22 dsize=0x1 attr=0x3 name=SecureBootEnable (ok)",
        ] {
            #expect(dump.contains(line), "\(line) is not in\n\(dump)")
        }
        let listing = try run("virt-fw-vars", "-i", firmware.variablesPath, "--print", "--verbose")
        #expect(listing.ranges(of: "CN=firmware").count >= 3, "\(listing)")
        let enrolled = try Descriptor.open(firmware.variablesPath).readToEnd()
        #expect(enrolled.count == volume.count)
        #expect(try FirmwareVariables.enrolling(certificate, in: volume) == enrolled, "the same bits each time")
    }

    @Test func otherFilesAreRefused() throws {
        #expect(refusal(volume) == "none")
        #expect(refusal([]).contains("no firmware volume"))
        #expect(refusal([UInt8](repeating: 0xFF, count: 4096)).contains("no firmware volume"))
        let enrolled = try FirmwareVariables.enrolling(certificate, in: volume)
        #expect(refusal(enrolled).contains("variables already"))
        for length in 0..<200 { #expect(refusal(Array(volume.prefix(length))) != "none") }
        #expect(refusal(Array(volume.prefix(100_000))).contains("end early"))
        // A store for firmware without Secure Boot is of another type.
        var other = volume
        other[0x48] ^= 1
        #expect(refusal(other).contains("not in the format"))
    }

    @Test func storeWithoutRoomIsRefused() {
        var small = volume
        // 1 KiB for all variables.
        small.replaceSubrange(0x58..<0x5C, with: [0, 4, 0, 0])
        #expect(refusal(small).contains("no room"))
        small.replaceSubrange(0x58..<0x5C, with: [27, 0, 0, 0])
        #expect(refusal(small).contains("end early"))
        small.replaceSubrange(0x58..<0x5C, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(refusal(small).contains("end early"))
    }

    @Test func secureBootIsForAmd64Alone() {
        #expect { try Firmware.prepare(for: .arm64, variablesPath: "/x", secureBoot: certificate) } throws: {
            "\($0)".contains("amd64")
        }
    }
}
