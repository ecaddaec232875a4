/// A systemd credential of the whole system (systemd.system-credentials(7)).
public struct MachineCredential: Sendable, Equatable {
    /// Its name, for example `ssh.authorized_keys.root`.
    public var name: String
    /// Its content.
    public var value: [UInt8]

    /// A credential of bytes.
    public init(_ name: String, bytes: [UInt8]) {
        self.name = name
        value = bytes
    }

    /// A credential of text.
    public init(_ name: String, _ text: String) { self.init(name, bytes: Array(text.utf8)) }

    /// Logs a user in on the serial console, by a drop-in for its getty (systemd.system-credentials(7)).
    ///
    /// agetty(8)'s own credential `agetty.autologin` is not enough: systemd's unit gives login(1) options of its own,
    /// which lack the `-f` that spares the password, and root has none in an image.
    public static func autologin(_ user: String = "root", on terminal: String) -> MachineCredential {
        MachineCredential(
            "systemd.unit-dropin.serial-getty@\(terminal).service",
            """
            [Service]
            ExecStart=
            ExecStart=-/sbin/agetty --autologin \(user) --noreset --noclear --keep-baud 115200,57600,38400,9600 - $TERM

            """)
    }

    /// Lets the holders of SSH keys in as root; `keys` is the text of an `authorized_keys` file.
    public static func rootKeys(_ keys: String) -> MachineCredential {
        MachineCredential("ssh.authorized_keys.root", keys)
    }

    /// Adds a unit to the system; it is started only if `systemd.wants=` or another unit asks for it.
    public static func unit(_ name: String, _ text: String) -> MachineCredential {
        MachineCredential("systemd.extra-unit." + name, text)
    }

    /// The SMBIOS type 11 string (systemd(1), "System credentials").
    func string() throws(MachineError) -> String {
        // systemd takes a credential's name as a file name; what has other characters would be dropped silently.
        let allowed = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-@".utf8.contains(byte)
        }
        guard allowed, !name.isEmpty, name != ".", name != "..", name.utf8.count <= 255 else {
            throw .option("credential \"\(name)\": the name may hold only letters, digits and ._-@")
        }
        let isPlain = !value.isEmpty && value.allSatisfy { (0x20..<0x7f).contains($0) }
        return isPlain
            ? "io.systemd.credential:\(name)=\(String(decoding: value, as: UTF8.self))"
            : "io.systemd.credential.binary:\(name)=\(base64(value))"
    }
}

/// Base 64 with padding (RFC 4648 §4).
func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            text.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
        }
    }
    return String(decoding: text, as: UTF8.self)
}
