internal import Glibc
internal import LinuxSystem

/// What is in a directory of executables, such as `required.d`, as run-parts(8) takes it.
struct ScriptDirectory {
    /// The names of what is run, in byte order.
    private(set) var names: [String] = []
    /// What is passed over, and why.
    private(set) var notices: [String] = []
    /// Why the directory cannot be read; nil where it can, or is not there.
    private(set) var failure: String?
    let path: String

    init(path: String) {
        self.path = path
        let entries: [[UInt8]]
        do throws(SystemError) { entries = try Self.entries(path) } catch {
            if !error.isNotFound { failure = "\(error)" }
            return
        }
        for entry in entries {
            let name = String(decoding: entry, as: UTF8.self)
            let shown = "\(path)/\(printable(name))"
            var status = stat()
            if !entry.allSatisfy(Self.isNameByte) {
                // Editors and dpkg leave files such as `a~` and `a.dpkg-old` behind.
                notices.append("\(shown): not run: a name has only letters, digits, \"_\" and \"-\"")
            } else if stat("\(path)/\(name)", &status) != 0 {
                notices.append("\(shown): not run: it leads nowhere")
            } else if status.st_mode & S_IFMT != S_IFREG {
                notices.append("\(shown): not run: it is no file")
            } else if status.st_mode & 0o111 == 0 {
                notices.append("\(shown): not run: it is not executable: chmod +x it, or remove it")
            } else {
                names.append(name)
            }
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The names as bytes, in their order: one that is not UTF-8 must not hide the others.
    private static func entries(_ path: String) throws(SystemError) -> [[UInt8]] {
        guard let stream = opendir(path) else {
            let code = errno
            throw SystemError(call: "opendir", subject: path, code: code)
        }
        defer { closedir(stream) }
        var entries: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let code = errno
                if code != 0 { throw SystemError(call: "readdir", subject: path, code: code) }
                break
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [UInt8(ascii: ".")] && name != Array("..".utf8) { entries.append(name) }
        }
        return entries.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

/// A text that does nothing to a terminal: control characters become "?".
public func printable(_ text: some StringProtocol) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        result.append(isControl ? "?" : scalar)
    }
    return String(result)
}
