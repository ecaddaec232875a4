internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    private static let kind = "mounts"
    private static let file = "/etc/fstab"

    /// Reads fstab(5): what it has beside the layout of the system itself.
    mutating func readMounts(into blueprint: inout Blueprint) {
        for (number, text) in lines(of: Self.file, Self.kind).map({ ($0.number, $0.text) }) {
            guard let line = FstabLine(text) else {
                if FstabLine.isBroken(text) {
                    leaveOut(Self.kind, "\(Self.file):\(number)", "it is no line of fstab(5): mount(8) skips it, too")
                }
                continue
            }
            if let reason = reasonToStay(line) {
                leaveOut(Self.kind, "\(Self.file):\(number)", reason)
            } else if let mount = line.mount, TextForm.absolutePath.allows(line.place) {
                guard blueprint.mounts[line.place] == nil else {
                    leaveOut(Self.kind, "\(Self.file):\(number)", "another line has the same place")
                    continue
                }
                blueprint.mounts[line.place] = mount
                explain(line.place)
            } else {
                leaveOut(Self.kind, "\(Self.file):\(number)", "a blueprint cannot say this")
            }
        }
    }

    private func reasonToStay(_ line: FstabLine) -> String? {
        if line.type == "swap" || line.type == "ignore" || Blueprint.Mount.own.contains(line.place) {
            return "the image's layout says what is mounted"
        }
        if ["/dev", "/proc", "/sys"].contains(where: { (line.place + "/").hasPrefix($0 + "/") }) {
            return "systemd mounts what the kernel has"
        }
        if line.options.contains(where: Blueprint.Mount.holdsPassword) { return "it holds a password" }
        if identity == .offspring, line.namesDisk { return "it is a disk of this machine" }
        return nil
    }
}

/// A line of fstab(5), as libmount reads it.
struct FstabLine {
    let what: String
    let place: String
    let type: String
    let options: [String]
    let dump: Int
    let pass: Int

    /// Nil for an empty line, a comment, and what libmount skips.
    init?(_ text: String) {
        let fields = Self.fields(text)
        guard fields.count >= 3, !Self.isComment(text) else { return nil }
        (what, place, type) = (fields[0], Self.cleaned(fields[1]), fields[2])
        var options = fields.count > 3 ? parts(of: fields[3], at: ",").filter { !$0.isEmpty } : []
        if options.first == "defaults" { options.removeFirst() }
        self.options = options
        guard let dump = fields.count > 4 ? Int(fields[4]) : 0, let pass = fields.count > 5 ? Int(fields[5]) : 0 else {
            return nil
        }
        (self.dump, self.pass) = (dump, pass)
    }

    /// Whether there is something that is neither a comment nor a line.
    static func isBroken(_ text: String) -> Bool { !isComment(text) && !fields(text).isEmpty }

    /// As a blueprint has it; nil where it cannot.
    var mount: Blueprint.Mount? {
        var mount = Blueprint.Mount(what: what)
        (mount.type, mount.options, mount.dump, mount.pass) = (type, options.unique, dump, pass)
        return TextForm.mountSource.allows(what) && TextForm.fileSystemType.allows(type)
            && options.allSatisfy(TextForm.mountOption.allows) && (0...9).contains(dump) && (0...9).contains(pass)
            ? mount : nil
    }

    /// Whether only the machine with this very disk can mount it.
    var namesDisk: Bool {
        ["UUID=", "PARTUUID=", "ID=", "/dev/disk/by-uuid/", "/dev/disk/by-id/", "/dev/disk/by-partuuid/"]
            .contains(where: what.hasPrefix)
    }

    private static func isComment(_ text: String) -> Bool { text.utf8.first { !isBlank($0) } == UInt8(ascii: "#") }

    private static func fields(_ text: String) -> [String] {
        text.utf8.split(whereSeparator: isBlank).map { String(decoding: Mounts.unescaped($0), as: UTF8.self) }
    }

    /// A path without what means nothing in it: `//` and a `/` at its end.
    private static func cleaned(_ path: String) -> String {
        guard path.utf8.first == UInt8(ascii: "/") else { return path }
        return "/"
            + path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: "/")
    }
}
