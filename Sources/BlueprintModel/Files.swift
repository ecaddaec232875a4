extension Blueprint {
    /// A file, symbolic link or directory that the blueprint puts into the root, or one that it takes away.
    public struct File: Sendable, Equatable {
        /// What is at the path.
        public enum Content: Sendable, Equatable {
            /// A regular file with these bytes.
            case regular([UInt8])
            /// A symbolic link to this target.
            case symlink(String)
            /// A directory.
            case directory
            /// Nothing: what a package puts there is removed.
            case absent
        }

        /// What is at the path.
        public var content: Content
        /// Permission bits, at most 0o7777; without meaning for a symbolic link.
        public var mode: UInt16
        /// Name of the owning user.
        public var owner = "root"
        /// Name of the owning group.
        public var group = "root"

        /// Makes an entry of root:root; a nil mode means 0644, and 0755 for a directory.
        public init(_ content: Content, mode: UInt16? = nil) {
            self.content = content
            self.mode = mode ?? Self.defaultMode(of: content)
        }

        static func defaultMode(of content: Content) -> UInt16 {
            switch content {
            case .regular: 0o644
            case .directory: 0o755
            case .symlink: 0o777
            case .absent: 0
            }
        }
    }
}

extension Blueprint.File {
    /// As written: one of the ways to say what is there, and whose it is.
    private struct Form: ContentsHolder {
        var text: String?
        var base64: [UInt8]?
        var source: [UInt8]?
        var symlink: String?
        var directory: Bool?
        var absent: Bool?
        var mode: UInt16?
        var owner = "root"
        var group = "root"
    }

    private static let mode = Codec<String>.text(.fileMode).converted(
        to: { text, _, _ in UInt16(text, radix: 8) },
        from: { mode in
            let digits = String(mode, radix: 8)
            return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        })

    static let codec = Codec<Form>.record(
        "file", Form(),
        Form.contentsKeys + [
            Key("symlink", \.symlink, .text(.symlinkTarget), "The target of a symbolic link.", alternative: "symlink"),
            Key("directory", \.directory, .bool, "`true`: a directory.", alternative: "directory"),
            Key(
                "absent", \.absent, .bool, "`true`: a file that a package puts there is removed.",
                alternative: "absent"),
            Key("mode", \.mode, mode, "Permission bits in octal; by default 0644, for a directory 0755."),
            Key("owner", \.owner, .text(.accountName), "The owning user."),
            Key("group", \.group, .text(.accountName), "The owning group."),
        ]
    ).converted(to: decoded, from: encoded)

    private static func decoded(_ form: Form, _ node: YAMLNode, _ decoding: inout Decoding) -> Self? {
        var file: Self
        if let target = form.symlink {
            if let mode = node["mode"] { decoding.report(mode.mark, "a symbolic link has no mode of its own") }
            file = Self(.symlink(target))
        } else if let isDirectory = form.directory {
            if !isDirectory { decoding.report(node.mark, "directory: false says nothing; leave it out") }
            file = Self(.directory, mode: form.mode)
        } else if let isAbsent = form.absent {
            if !isAbsent { decoding.report(node.mark, "absent: false says nothing; leave it out") }
            for key in ["mode", "owner", "group"] {
                if let value = node[key] { decoding.report(value.mark, "what is not there has no \(key)") }
            }
            file = Self(.absent)
        } else if let bytes = form.bytes {
            file = Self(.regular(bytes), mode: form.mode)
        } else {
            return nil
        }
        (file.owner, file.group) = (form.owner, form.group)
        return file
    }

    private static func encoded(_ file: Self) -> Form {
        var form = Form(owner: file.owner, group: file.group)
        form.mode = file.mode == defaultMode(of: file.content) ? nil : file.mode
        switch file.content {
        case .regular(let bytes): form.bytes = bytes
        case .symlink(let target): (form.symlink, form.mode) = (target, nil)
        case .directory: form.directory = true
        case .absent: (form.absent, form.mode) = (true, nil)
        }
        return form
    }
}
