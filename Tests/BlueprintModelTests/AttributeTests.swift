import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Capabilities and access control lists: their texts, and what the tools of Debian make of the same.
@Suite struct AttributeTests {
    private func entries(_ text: String) -> [Blueprint.AccessEntry] {
        text.split(separator: ",").compactMap { Blueprint.AccessEntry(String($0)) }
    }

    @Test(arguments: [
        ("cap_net_raw=ep", "cap_net_raw=ep"), ("cap_net_raw,cap_chown+ep", "cap_chown,cap_net_raw=ep"),
        ("cap_kill=ip cap_chown=p cap_bpf=i", "cap_chown=p cap_kill=ip cap_bpf=i"),
        ("cap_checkpoint_restore=eip", "cap_checkpoint_restore=eip"),
    ])
    func capabilitiesHaveOneText(_ written: String, _ text: String) throws {
        let capabilities = try #require(Blueprint.Capabilities(written))
        #expect(capabilities.text == text)
        #expect(Blueprint.Capabilities(attribute: capabilities.attribute) == capabilities)
    }

    @Test(arguments: [
        "", "cap_net_raw", "cap_net_raw=", "cap_net_raw=e", "cap_nothing=ep", "=ep", "cap_kill=ep cap_chown=p",
        "cap_kill=p cap_kill=i", "cap_kill=pp", "cap_kill-p", "all=ep", "cap_kill,=p", "CAP_KILL=p",
    ])
    func whatIsNoSetOfCapabilitiesIsNone(_ text: String) { #expect(Blueprint.Capabilities(text) == nil) }

    @Test func attributesThatSayMoreAreNone() throws {
        let attribute = try #require(Blueprint.Capabilities("cap_kill=p")).attribute
        let root: [UInt8] = [232, 3, 0, 0]
        var other = attribute
        other[3] = 3
        var unknown = attribute
        unknown[15] = 0x80
        for bytes in [[], Array(attribute.dropLast()), other, other + root, attribute + root, unknown] {
            #expect(Blueprint.Capabilities(attribute: bytes) == nil)
        }
    }

    /// setcap(8) and setfacl(1) make the same bytes, and getcap(8) says the same words.
    @Test func theToolsOfDebianAgree() throws {
        let directory = try TemporaryDirectory()
        let place = try Descriptor.directory(directory.path)
        try run("touch", "\(directory.path)/file")
        let attribute = { (name: String, path: String) in try place.xattrs(of: path, where: { $0 == name })[name] }
        for text in ["cap_net_raw=ep", "cap_chown,cap_net_admin=eip", "cap_setpcap=i"] where geteuid() == 0 {
            try run("setcap", text, "\(directory.path)/file")
            let capabilities = try #require(Blueprint.Capabilities(text))
            #expect(try attribute("security.capability", "file") == capabilities.attribute)
            #expect(try run("getcap", "\(directory.path)/file").hasSuffix(" \(capabilities.text)\n"))
        }
        let lists = ["user:root:rw-", "user:7:r--,user:5:--x,group:9:rwx,group::r--", "user:1:r--,mask::--x"]
        for (index, list) in lists.enumerated() {
            for (path, mode) in [("file\(index)", "0640"), ("folder\(index)", "0750")] {
                let full = "\(directory.path)/\(path)"
                try run(path.hasPrefix("file") ? "touch" : "mkdir", full)
                try run("chmod", mode, full)
                try run("setfacl", "-m", list, full)
                let entries = entries(list).completed(mode: try #require(UInt16(mode, radix: 8)), isMaskInMode: false)
                let ours = entries.attribute(user: { $0 == "root" ? 0 : UInt32($0) }, group: { UInt32($0) })
                let theirs = try attribute("system.posix_acl_access", path)
                #expect(try ours.get() == theirs, "\(list)")
            }
            let folder = "\(directory.path)/default\(index)"
            try run("mkdir", folder)
            try run("chmod", "0751", folder)
            let standard = list.split(separator: ",").map { "default:\($0)" }.joined(separator: ",")
            try run("setfacl", "-m", standard, folder)
            let ours = self.entries(standard).completed(mode: 0o751, isMaskInMode: false)
                .attribute(user: { $0 == "root" ? 0 : UInt32($0) }, group: { UInt32($0) })
            let theirs = try attribute("system.posix_acl_default", "default\(index)")
            #expect(try ours.get() == theirs, "\(standard)")
        }
    }

    @Test func anyListComesBack() throws {
        var random = SeededGenerator(state: 11)
        for _ in 0..<300 {
            let (mode, isDefault) = (UInt16(random.next() & 0o777), random.next() & 1 == 0)
            var list: [Blueprint.AccessEntry] = [.init(.user("7"), UInt8(random.next() & 7), isDefault: isDefault)]
            for tag in [.user("9"), .owningGroup, .group("7"), .mask, .owner, .other] as [Blueprint.AccessEntry.Tag] {
                let isModes = !isDefault && (tag == .owner || tag == .other || tag == .mask)
                if random.next() & 1 == 0, !isModes {
                    list.append(.init(tag, UInt8(random.next() & 7), isDefault: isDefault))
                }
            }
            let whole = list.completed(mode: mode, isMaskInMode: !isDefault)
            let bytes = try whole.attribute(user: { UInt32($0) }, group: { UInt32($0) }).get()
            let read = try #require(
                [Blueprint.AccessEntry](attribute: bytes, isDefault: isDefault, user: { _ in nil }, group: { _ in nil })
            )
            #expect(Set(read) == Set(whole))
            let short = read.reduced(mode: mode, isMaskInMode: !isDefault)
            #expect(short.count <= list.count)
            #expect(Set(short.completed(mode: mode, isMaskInMode: !isDefault)) == Set(whole))
            for entry in short { #expect(Blueprint.AccessEntry(entry.text) == entry) }
        }
    }

    @Test func attributesThatAreNoListAreNone() throws {
        let bytes = try entries("user:7:rwx").completed(mode: 0, isMaskInMode: true)
            .attribute(user: { UInt32($0) }, group: { _ in nil }).get()
        for bytes: [UInt8] in [
            [], [2, 0, 0, 0], Array(bytes.dropLast()), [3] + bytes.dropFirst(), bytes + [9, 0, 0, 0, 0, 0, 0, 0],
        ] {
            let read = [Blueprint.AccessEntry](
                attribute: bytes, isDefault: false, user: { _ in nil }, group: { _ in nil })
            #expect(read == nil)
        }
        #expect(
            entries("user:nobody:rwx").attribute(user: { _ in nil }, group: { _ in nil })
                == .failure(.init(name: "nobody")))
    }

    @Test func filesWithAttributesAreRead() throws {
        let blueprint = try loadBlueprint(
            """
            files:
              /usr/bin/ping: { packaged: true, capabilities: "cap_net_raw+ep" }
              /etc/app: { directory: true, acl: ["group:web:r-x", "user:ops:rwx", "default:user:ops:rwx"] }
              /etc/note: { text: "x", xattrs: { user.a: hello, user.b: { base64: AAE= } } }
            """
        ).blueprint
        #expect(blueprint.files["/usr/bin/ping"]?.content == .packaged)
        #expect(blueprint.files["/usr/bin/ping"]?.capabilities?.text == "cap_net_raw=ep")
        #expect(
            blueprint.files["/etc/app"]?.acl.map(\.text) == [
                "user:ops:rwx", "group:web:r-x", "default:user:ops:rwx",
            ])
        #expect(blueprint.files["/etc/note"]?.xattrs == ["user.a": Array("hello".utf8), "user.b": [0, 1]])
        #expect(try load(["x.yaml": blueprint.yaml]).blueprint == blueprint)
    }

    @Test(arguments: [
        ("{ packaged: true }", "says nothing"), ("{ packaged: true, mode: \"0755\" }", "stat-overrides"),
        ("{ packaged: false }", "says nothing"), ("{ symlink: x, capabilities: cap_kill=p }", "a symbolic link has no"),
        ("{ directory: true, capabilities: cap_kill=p }", "a directory has no"),
        ("{ absent: true, xattrs: { user.a: b } }", "what is not there has no"),
        ("{ text: x, capabilities: cap_kil=p }", "is not a set of file capabilities"),
        ("{ text: x, acl: [\"user:a:rwz\"] }", "is not an entry of an access control list"),
        ("{ text: x, acl: [\"u:a:rwx\"] }", "is not an entry of an access control list"),
        ("{ text: x, acl: [\"user::rwx\", \"user:a:r--\"] }", "what the owner and others may do says the mode"),
        ("{ text: x, acl: [\"group::rwx\"] }", "the mode says it all"),
        ("{ text: x, acl: [\"user:a:r--\", \"user:a:rw-\"] }", "two entries"),
        ("{ text: x, acl: [\"default:user:a:r--\"] }", "only a directory has default entries"),
        ("{ text: x, xattrs: { security.capability: x } }", "is not an extended attribute of users"),
        ("{ text: x, xattrs: { user.: x } }", "is not an extended attribute of users"),
    ])
    func badAttributesAreErrorsWithTheirPlace(_ file: String, _ said: String) {
        let problems = problems { try loadBlueprint("files:\n  /etc/x: \(file)\n") }
        #expect(problems.contains { $0.hasPrefix("x.yaml:5:") && $0.contains(said) }, "\(problems)")
    }
}
