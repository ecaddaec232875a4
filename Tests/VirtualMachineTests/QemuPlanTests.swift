import PiscesTesting
import Testing

@testable import VirtualMachine

@Suite struct QemuPlanTests {
    private static let firmware = Firmware(
        codePath: "/usr/share/OVMF/OVMF_CODE_4M.fd", variablesPath: "/run/vm/vars.fd")

    /// The argument after each `flag`.
    private func values(_ flag: String, _ options: MachineOptions) throws -> [String] {
        let arguments = try QemuPlan.arguments(for: options)
        return zip(arguments, arguments.dropFirst()).filter { $0.0 == flag }.map(\.1)
    }

    private func refusal(_ change: (inout MachineOptions) -> Void) -> String {
        var options = MachineOptions(imagePath: "disk.img", firmware: Self.firmware)
        change(&options)
        do {
            _ = try QemuPlan.arguments(for: options)
            return "none"
        } catch { return "\(error)" }
    }

    @Test func smallestMachine() throws {
        let options = MachineOptions(imagePath: "disk.img", firmware: Self.firmware)
        let text = try QemuPlan.arguments(for: options).joined(separator: "\n") + "\n"
        #expect(differenceFromGolden(text, "smallest.txt") == nil)
    }

    /// Never by the image's bytes: the guest writes those.
    @Test(arguments: [("a.qcow2", "qcow2"), ("a.raw", "raw"), ("a.img", "raw"), ("qcow2", "raw")])
    func formatIsToldByTheName(_ image: String, _ format: String) throws {
        let drives = try values("-drive", MachineOptions(imagePath: image, firmware: Self.firmware))
        #expect(drives.contains { $0.contains("id=disk,format=\(format),") })
    }

    @Test func machineWithEverything() throws {
        var options = MachineOptions(imagePath: "/images/a,b.img", firmware: Self.firmware)
        options.memoryMiB = 2048
        options.processors = 4
        options.snapshot = false
        options.serial = .file("/tmp/console.log")
        options.network = .user(sshPort: 2222)
        options.commandLineExtra = ["systemd.wants=probe.service", "quiet"]
        options.credentials = [
            .autologin(on: "ttyS0"), .rootKeys("ssh-ed25519 AAAA a@b\n"),
            .unit("probe.service", "[Service]\nType=oneshot\n"),
        ]
        options.monitorSocket = "/run/vm/qmp"
        let text = try QemuPlan.arguments(for: options).joined(separator: "\n") + "\n"
        #expect(differenceFromGolden(text, "everything.txt") == nil)
    }

    @Test func arm64Machine() throws {
        var options = MachineOptions(imagePath: "disk.img", architecture: .arm64, firmware: Self.firmware)
        options.network = .user(sshPort: nil)
        let text = try QemuPlan.arguments(for: options).joined(separator: "\n") + "\n"
        #expect(differenceFromGolden(text, "arm64.txt") == nil)
        #expect(QemuPlan.executable(for: .arm64) == "qemu-system-aarch64")
    }

    @Test func acceleratorOfTheHostUsesItsProcessor() throws {
        guard let host = MachineArchitecture.host else { return }
        var options = MachineOptions(imagePath: "disk.img", architecture: host, firmware: Self.firmware)
        options.accelerator = .kvm
        #expect(try values("-accel", options) == ["kvm"])
        #expect(try values("-cpu", options) == ["host"])
    }

    @Test func secureFirmwareHasItsVariablesInSystemManagementMode() throws {
        var options = MachineOptions(imagePath: "disk.img", firmware: Self.firmware)
        options.firmware?.isSecure = true
        #expect(try values("-machine", options) == ["q35,smm=on"])
        #expect(try values("-global", options) == ["driver=cfi.pflash01,property=secure,value=on"])
        options.architecture = .arm64
        #expect(throws: MachineError.self) { try QemuPlan.arguments(for: options) }
    }

    @Test func commaInAnyTextIsWrittenTwice() throws {
        let comma = Firmware(codePath: "c,1", variablesPath: "v,2")
        var options = MachineOptions(imagePath: "i,3", firmware: comma)
        options.serial = .file("s,4")
        options.monitorSocket = "q,5"
        options.commandLineExtra = ["a=b,c"]
        options.credentials = [MachineCredential("x", "1,,2")]
        let all = try QemuPlan.arguments(for: options).joined(separator: " ")
        for text in ["file=c,,1 ", "file=v,,2 ", "file=i,,3 ", "path=s,,4 ", "path=q,,5 ", "extra=a=b,,c ", "x=1,,,,2"]
        {
            #expect(all.contains(text), "\(text)")
        }
    }

    @Test func impossibleOptionsAreRefusedWithAReason() {
        #expect(refusal { _ in } == "none")
        #expect(refusal { $0.memoryMiB = 0 }.contains("at least 64"))
        #expect(refusal { $0.memoryMiB = -1 }.contains("at least 64"))
        #expect(refusal { $0.processors = 0 }.contains("between 1 and 255"))
        #expect(refusal { $0.imagePath = "" }.contains("empty"))
        #expect(refusal { $0.imagePath = "a\0b" }.contains("zero byte"))
        #expect(refusal { $0.network = .user(sshPort: 0) }.contains("port 0"))
        #expect(refusal { $0.monitorSocket = String(repeating: "x", count: 108) }.contains("107"))
        #expect(refusal { $0.commandLineExtra = ["a\nb"] }.contains("printable"))
        #expect(refusal { $0.commandLineExtra = [""] }.contains("printable"))
        #expect(refusal { $0.credentials = [MachineCredential("a/b", "x")] }.contains("letters"))
        #expect(refusal { $0.credentials = [MachineCredential("a=b", "x")] }.contains("letters"))
        #expect(refusal { $0.credentials = [MachineCredential("..", "x")] }.contains("letters"))
        #expect(
            refusal { $0.credentials = [MachineCredential("a", "x"), MachineCredential("a", "y")] }.contains("twice"))
        let long = [UInt8](repeating: 0, count: 49 << 10)
        #expect(refusal { $0.credentials = [MachineCredential("a", bytes: long)] }.contains("too long"))
        #expect(refusal { ($0.architecture, $0.firmware) = (.arm64, nil) }.contains("needs UEFI"))
        let foreign: MachineArchitecture = MachineArchitecture.host == .arm64 ? .amd64 : .arm64
        #expect(refusal { ($0.architecture, $0.accelerator) = (foreign, .kvm) }.contains("use tcg"))
    }

    @Test func textThatIsNotPlainIsEncoded() throws {
        #expect(try MachineCredential("a", "plain = text").string() == "io.systemd.credential:a=plain = text")
        #expect(try MachineCredential("a", "two\nlines").string() == "io.systemd.credential.binary:a=dHdvCmxpbmVz")
        #expect(try MachineCredential("a", "").string() == "io.systemd.credential.binary:a=")
    }

    @Test func base64IsThatOfTheStandard() {
        // RFC 4648 §10.
        let vectors = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
        for (text, encoded) in vectors { #expect(base64(Array(text.utf8)) == encoded) }
        #expect(base64([0xfb, 0xff, 0xfe]) == "+//+")
    }
}

@Suite struct QemuVersionTests {
    @Test func versionIsFoundInTheOutput() {
        let output = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003-2025 Fabrice Bellard\n"
        #expect(QemuVersion(parsing: output) == QemuVersion(major: 10, minor: 0, micro: 2))
        #expect(QemuVersion(parsing: "version 7.2.22") == QemuVersion(major: 7, minor: 2, micro: 22))
        for bad in [
            "", "version", "version 10", "version 10.0", "version a.b.c", "version 1.2.3.4", "10.0.2", "version -1.0.0",
        ] {
            #expect(QemuVersion(parsing: bad) == nil, "\(bad)")
        }
        #expect(QemuVersion(parsing: "version 99999999999999999999.0.0") == nil)
    }

    @Test func oldVersionIsRefusedAndTheWayOutIsNamed() throws {
        try QemuVersion.check(output: "QEMU emulator version 10.0.0")
        try QemuVersion.check(output: "QEMU emulator version 11.0.0")
        for (output, part) in [
            ("QEMU emulator version 9.2.4", "bookworm-backports"), ("command not found", "cannot be read"),
        ] {
            do {
                try QemuVersion.check(output: output)
                Issue.record("\(output) was accepted")
            } catch { #expect("\(error)".contains(part)) }
        }
    }
}
