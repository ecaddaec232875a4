import Glibc
import LinuxSystem
import Testing

@testable import VirtualMachine

@Suite struct HostTests {
    @Test func virtualisationIsAWordOfTheFirstFlags() {
        #expect(Accelerator.hasVirtualisation(cpuinfo: "processor\t: 0\nflags\t\t: fpu vmx ssse3\n"))
        #expect(Accelerator.hasVirtualisation(cpuinfo: "flags\t\t: fpu svm\n"))
        #expect(!Accelerator.hasVirtualisation(cpuinfo: "flags\t\t: fpu svm_lock vmxoff\n"))
        #expect(!Accelerator.hasVirtualisation(cpuinfo: "model name\t: vmx\nflags\t\t: fpu\n"))
        #expect(!Accelerator.hasVirtualisation(cpuinfo: ""))
    }

    @Test func foreignMachineIsEmulated() {
        let foreign: MachineArchitecture = MachineArchitecture.host == .arm64 ? .amd64 : .arm64
        #expect(Accelerator.detect(for: foreign) == .tcg)
    }

    @Test func freePortCanBeListenedOn() throws {
        let port = try freeLoopbackPort()
        #expect(port > 0)
        let descriptor = Descriptor(adopting: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), name: "socket")
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafeBytes(of: &address) { bytes in
            bind(descriptor.rawValue, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        #expect(result == 0)
    }

    @Test(.enabled(if: access("/usr/share/OVMF/OVMF_VARS_4M.fd", R_OK) == 0, "package ovmf"))
    func machineKeepsItsOwnVariables() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/vars.fd"
        let firmware = try Firmware.prepare(for: .amd64, variablesPath: path)
        #expect(firmware.variablesPath == path)
        let size = try Descriptor.open("/usr/share/OVMF/OVMF_VARS_4M.fd").status().size
        #expect(try Descriptor.open(path).status().size == size)
        // A machine that ran before finds what it wrote.
        try Descriptor.open(path, O_RDWR).writeAll(Array("mine".utf8), at: 0)
        _ = try Firmware.prepare(for: .amd64, variablesPath: path)
        #expect(try Descriptor.open(path).bytes(at: 0, count: 4) == Array("mine".utf8))
    }
}
