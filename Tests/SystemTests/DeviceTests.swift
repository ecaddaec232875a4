import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What an operator does on a device, without a virtual machine.
    @Suite(.serialized, .enabled(if: Device.obstacle == nil, "\(Device.obstacle ?? "")")) struct DeviceTests {
        let site: Site
        let releases: Releases
        var path: String { "\(site.scratch)/devices" }

        init() throws {
            site = try Site.shared.get()
            releases = try Releases.shared.get()
        }

        /// A device that trusts the vendor.
        func makeDevice() throws -> Device {
            let device = try Device(site.image, in: path)
            let outcome = try device.pisces("key", "trust", releases.publicKey("vendor"))
            #expect(outcome.status == .exited(0), outcome.text)
            return device
        }

        @Test func first() throws {
            let device = try makeDevice()
            print(try device.status().canonical)
            func time(_ f: () throws -> Outcome) throws { var a = timespec(); clock_gettime(CLOCK_MONOTONIC, &a); let o = try f(); var b = timespec(); clock_gettime(CLOCK_MONOTONIC, &b); print(Double(b.tv_sec - a.tv_sec) + Double(b.tv_nsec - a.tv_nsec)/1e9, o.text) }
            try time { try device.pisces("upgrade", releases["next"]) }
            try time { try device.pisces("flip") }
            try device.reboot()
            print(try device.shell("cat /run/pisces/boot; ls /etc; pisces health --judge || true; pisces commit; pisces status"))
            print(try fileText("\(releases["next"])/manifest.json"))
            print(try device.asked())
        }
    }
}
