extension Blueprint {
    /// A file, symbolic link or directory that the blueprint puts into the root, one of a package with other attributes,
    /// or one that it takes away.
    public struct File: Sendable, Equatable {
        /// What is at the path.
        public enum Content: Sendable, Equatable {
            /// A regular file with these bytes.
            case regular([UInt8])
            /// A regular file of more bytes than anybody wants to hold at once.
            case stored(StoredContents)
            /// A regular file that a machine makes at boot of a credential that it has.
            case secret(Secret)
            /// A symbolic link to this target.
            case symlink(String)
            /// A directory.
            case directory
            /// What a package puts there: the blueprint only gives it other attributes. Its owner and mode are the
            /// package's.
            case packaged
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
        /// What a program may do though an ordinary user starts it.
        public var capabilities: Capabilities?
        /// Who else may do what; entries that follow from ``mode`` are left out.
        public var acl: [AccessEntry] = []
        /// Extended attributes of users by full name: `user.comment`.
        public var xattrs: [String: [UInt8]] = [:]

        /// Whether it has more than contents, owner and mode.
        public var hasAttributes: Bool { capabilities != nil || !acl.isEmpty || !xattrs.isEmpty }

        /// Makes an entry of root:root; a nil mode means 0644, 0600 for a secret, and 0755 for a directory.
        public init(_ content: Content, mode: UInt16? = nil) {
            self.content = content
            self.mode = mode ?? Self.defaultMode(of: content)
        }

        static func defaultMode(of content: Content) -> UInt16 {
            switch content {
            case .regular, .stored: 0o644
            case .secret: 0o600
            case .directory: 0o755
            case .symlink: 0o777
            case .packaged, .absent: 0
            }
        }
    }
}

extension Blueprint.File {
    /// As written: one of the ways to say what is there, and whose it is.
    private struct Form: ContentsHolder {
        var text: String?
        var base64: [UInt8]?
        var sourced: SourceContents?
        var stored: Blueprint.StoredContents?
        var secret: String?
        var keyedHash: String?
        var symlink: String?
        var directory: Bool?
        var packaged: Bool?
        var absent: Bool?
        var mode: UInt16?
        var owner = "root"
        var group = "root"
        var capabilities: Blueprint.Capabilities?
        var acl: [Blueprint.AccessEntry] = []
        var xattrs: [String: [UInt8]] = [:]

        var source: [UInt8]? {
            get { if case .bytes(let bytes) = sourced { bytes } else { nil } }
            set { sourced = newValue.map(SourceContents.bytes) }
        }

        var storedContents: Blueprint.StoredContents? {
            if case .stored(let contents) = sourced { contents } else { stored }
        }
    }

    /// Permission bits in octal.
    static let modeCodec = Codec<String>.text(.fileMode).converted(
        to: { text, _, _ in UInt16(text, radix: 8) },
        from: { mode in
            let digits = String(mode, radix: 8)
            return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        })

    static let codec = Codec<Form>.record(
        "file", Form(),
        Form.contentsKeys.filter { $0.name != "source" } + [
            Key(
                "source", \.sourced, SourceContents.codec,
                "The file with the contents, relative to this document; its bytes become part of the blueprint.",
                alternative: "source"),
            Key(
                "stored", \.stored, Blueprint.StoredContents.codec,
                "What is known of the contents where a `source` has more than 4 MiB; people write `source`.",
                alternative: "stored"),
            Key(
                "secret", \.secret, .text(.credential),
                "Name of the systemd credential that holds the contents: the machine makes the file at boot.",
                presence: .required, alternative: "secret"),
            Key(
                "keyed-hash", \.keyedHash, .text(.keyedHash), Blueprint.Secret.hashDocumentation, alternative: "secret"),
            Key("symlink", \.symlink, .text(.symlinkTarget), "The target of a symbolic link.", alternative: "symlink"),
            Key("directory", \.directory, .bool, "`true`: a directory.", alternative: "directory"),
            Key(
                "packaged", \.packaged, .bool,
                "`true`: the file that a package puts there, with other attributes; `stat-overrides` change its mode.",
                alternative: "packaged"),
            Key(
                "absent", \.absent, .bool, "`true`: a file that a package puts there is removed.",
                alternative: "absent"),
            Key(
                "mode", \.mode, modeCodec,
                "Permission bits in octal; by default 0644, for a directory 0755, for a secret 0600."),
            Key("owner", \.owner, .text(.accountName), "The owning user."),
            Key("group", \.group, .text(.accountName), "The owning group."),
            Key(
                "capabilities", \.capabilities, Blueprint.Capabilities.codec,
                "What a program may do though an ordinary user starts it, as setcap(8) takes it."),
            Key(
                "acl", \.acl, .list(Blueprint.AccessEntry.codec),
                "Who else may do what, as setfacl(1) takes it; the owner's, the mask and others' follow from the mode."),
            Key(
                "xattrs", \.xattrs, .map(.userAttribute, .contents("attribute", shorthand: .text("text"))),
                "Extended attributes of users, by full name."),
        ]
    ).converted(to: decoded, from: encoded)

    private static func decoded(_ form: Form, _ node: YAMLNode, _ decoding: inout Decoding) -> Self? {
        var file: Self
        var (foreign, reason): ([String], String) = ([], "")
        if let target = form.symlink {
            (foreign, reason) = (["mode", "capabilities", "acl", "xattrs"], "a symbolic link has no")
            file = Self(.symlink(target))
        } else if form.directory != nil {
            (foreign, reason) = (["capabilities"], "a directory has no")
            file = Self(.directory, mode: form.mode)
        } else if let name = form.secret {
            (foreign, reason) = (["capabilities", "acl", "xattrs"], "a file that is made at boot has no")
            file = Self(.secret(Blueprint.Secret(name: name, keyedHash: form.keyedHash)), mode: form.mode)
        } else if form.packaged != nil {
            (foreign, reason) = (["mode", "owner", "group"], "stat-overrides say of a package's file its")
            file = Self(.packaged)
        } else if form.absent != nil {
            (foreign, reason) = (
                ["mode", "owner", "group", "capabilities", "acl", "xattrs"], "what is not there has no"
            )
            file = Self(.absent)
        } else if let bytes = form.bytes {
            file = Self(.regular(bytes), mode: form.mode)
        } else if let stored = form.storedContents {
            file = Self(.stored(stored), mode: form.mode)
        } else {
            return nil
        }
        for (key, value) in [("directory", form.directory), ("packaged", form.packaged), ("absent", form.absent)]
        where value == false {
            decoding.report(node.mark, "\(key): false says nothing; leave it out")
        }
        let whose = form.symlink == nil ? "" : " of its own"
        for key in foreign { if let value = node[key] { decoding.report(value.mark, "\(reason) \(key)\(whose)") } }
        (file.owner, file.group) = (form.owner, form.group)
        (file.capabilities, file.acl, file.xattrs) = (form.capabilities, form.acl.inOrder, form.xattrs)
        if file.content == .packaged, !file.hasAttributes, !decoding.isFragment {
            decoding.report(node.mark, "packaged: true without other attributes says nothing; leave the file out")
        }
        checkAccess(file, node, &decoding)
        return file
    }

    /// What is wrong between the entries of a list.
    private static func checkAccess(_ file: Self, _ node: YAMLNode, _ decoding: inout Decoding) {
        guard let mark = node["acl"]?.mark else { return }
        for isDefault in [false, true] {
            let tags = file.acl.filter { $0.isDefault == isDefault }.map(\.tag)
            if tags.isEmpty { continue }
            if Set(tags).count < tags.count { decoding.report(mark, "of an account the list has two entries") }
            if isDefault {
                if file.content != .directory, file.content != .packaged {
                    decoding.report(mark, "only a directory has default entries")
                }
            } else if tags.contains(.owner) || tags.contains(.other) {
                decoding.report(mark, "what the owner and others may do says the mode")
            } else if !tags.contains(where: {
                if case .user = $0 { true } else if case .group = $0 { true } else { false }
            }) {
                decoding.report(mark, "without an entry for a user or group by name, the mode says it all")
            }
        }
    }

    private static func encoded(_ file: Self) -> Form {
        var form = Form(owner: file.owner, group: file.group)
        form.mode = file.mode == defaultMode(of: file.content) ? nil : file.mode
        (form.capabilities, form.acl, form.xattrs) = (file.capabilities, file.acl, file.xattrs)
        switch file.content {
        case .regular(let bytes): form.bytes = bytes
        case .stored(let stored): form.stored = stored
        case .secret(let secret): (form.secret, form.keyedHash) = (secret.name, secret.keyedHash)
        case .symlink(let target): (form.symlink, form.mode) = (target, nil)
        case .directory: form.directory = true
        case .packaged: (form.packaged, form.mode) = (true, nil)
        case .absent: (form.absent, form.mode) = (true, nil)
        }
        return form
    }
}

extension TextRule {
    // xattr(7).
    static let userAttribute = TextRule(
        article: "an extended attribute of users", form: "\"user.\" and a name, at most 255 bytes in all",
        pattern: "^user\\..+$"
    ) { $0.hasPrefix("user.") && (6...255).contains($0.utf8.count) && !hasControlCharacters($0) }
}
