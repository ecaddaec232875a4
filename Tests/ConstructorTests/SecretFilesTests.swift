import BlueprintModel
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// Files that a machine makes of its credentials, as far as the image has them.
@Suite final class SecretFilesTests {
    private let directory: TemporaryDirectory
    private var path: String { "\(directory.path)/root" }

    init() throws {
        directory = try TemporaryDirectory()
        try makeDirectories("\(path)/etc")
        try write("root:x:0:0::/root:/bin/sh\nops:x:1500:1500::/:/bin/sh\n", to: "etc/passwd")
        try write("root:x:0:\nops:x:1500:\nadm:x:4:\n", to: "etc/group")
    }

    private func write(_ text: String, to name: String) throws {
        try makeDirectories(parentDirectory(of: "\(path)/\(name)"))
        try AtomicFile.write(Array(text.utf8), to: "\(path)/\(name)")
    }

    private func read(_ name: String) throws -> [UInt8] { try Descriptor.open("\(path)/\(name)").readToEnd() }

    private func file(
        _ name: String, mode: UInt16? = nil, owner: String = "root", group: String = "root"
    ) -> Blueprint.File {
        var file = Blueprint.File(.secret(.init(name: name)), mode: mode)
        (file.owner, file.group) = (owner, group)
        return file
    }

    private func make(_ files: [String: Blueprint.File]) throws {
        var blueprint = Blueprint(name: "node")
        blueprint.files = files
        let lock = Lock(blueprintName: "node", blueprint: SHA256.hash([]), architecture: "amd64", epoch: 1)
        try Customization(root: try StagedRoot(path: path), blueprint: blueprint, lock: lock, inRoot: runTool)
            .makeFiles()
    }

    @Test func theImageHasTheWayAndNoFile() throws {
        try write("default\n", to: "etc/kept.conf")
        try write("else\n", to: "etc/other")
        try run("ln", "-s", "other", "\(path)/etc/link")
        let files = [
            "/etc/app/token": file("t"), "/etc/kept.conf": file("k"), "/etc/link": file("l"), "/run/app/key": file("r"),
        ]
        try make(files)
        let root = try StagedRoot(path: path)
        #expect(root.isDirectory("/etc/app") && !root.exists("/etc/app/token"))
        // A link in its place would be in the way.
        #expect(!root.exists("/etc/link") && !root.exists("/run"))
        #expect(try read("etc/kept.conf") == Array("default\n".utf8) && read("etc/other") == Array("else\n".utf8))
        for (place, text) in Blueprint.SecretFiles.registers(of: files, on: .trixie) {
            #expect(try read(place) == Array(text.utf8))
        }
    }

    @Test func whatCannotBeMadeIsAnError() throws {
        try makeDirectories("\(path)/etc/app")
        #expect(throws: ConstructorError.self) { try make(["/etc/app": file("a")]) }
        #expect(throws: ConstructorError.self) { try make(["/etc/x": file("a", owner: "nobody")]) }
        #expect(throws: ConstructorError.self) { try make(["/tmp/x": file("a")]) }
    }

    @Test func withoutSecretsThereIsNothing() throws {
        try make(["/etc/motd": Blueprint.File(.regular([]))])
        #expect(try !StagedRoot(path: path).exists(Blueprint.SecretFiles.lines))
    }

    /// The real systemd-tmpfiles, with the bytes of credentials.
    @Test(.enabled(if: geteuid() == 0, "only root can give files to others")) func systemdMakesThem() throws {
        var random = SeededGenerator(state: 12)
        let binary = [0, 0xFF, 10] + random.bytes(5000) + [0]
        let large = random.bytes(Blueprint.Secret.largest)
        try write("default\n", to: "etc/kept.conf")
        try write("default\n", to: "etc/replaced.conf")
        let files = [
            "/etc/app/token": file("t", mode: 0o640, owner: "ops", group: "adm"),
            "/etc/a \"quoted\\\" 100% $x 'é'/ünd": file("b"), "/etc/kept.conf": file("none"),
            "/etc/replaced.conf": file("e"), "/var/lib/large": file("l", mode: 0o4700), "/run/x": file("b"),
        ]
        try make(files)
        let credentials = "\(directory.path)/credentials"
        try makeDirectories(credentials)
        for (name, bytes) in [("t", Array("% f\\n\"token\n".utf8)), ("b", binary), ("e", []), ("l", large)] {
            try AtomicFile.write(bytes, to: "\(credentials)/\(name)")
        }
        // Every start makes them anew.
        for _ in 0..<2 {
            let result = try runTool(
                ["systemd-tmpfiles", "--create", "--root=\(path)", path + Blueprint.SecretFiles.lines],
                ["PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": credentials], nil)
            #expect(
                result.status == 0 && result.errorOutput.isEmpty,
                "\(String(decoding: result.errorOutput, as: UTF8.self))")
            #expect(try read("etc/app/token") == Array("% f\\n\"token\n".utf8))
            #expect(try read("etc/a \"quoted\\\" 100% $x 'é'/ünd") == binary && read("run/x") == binary)
            #expect(try read("etc/kept.conf") == Array("default\n".utf8) && read("etc/replaced.conf") == [])
            #expect(try read("var/lib/large") == large)
            let status = { [path] (name: String) in try Descriptor.open("\(path)/\(name)").status() }
            let token = try status("etc/app/token")
            #expect(token.mode & 0o7777 == 0o640 && token.uid == 1500 && token.gid == 4)
            #expect(try status("run/x").mode & 0o7777 == 0o600 && status("var/lib/large").mode & 0o7777 == 0o4700)
            try write("somebody's\n", to: "etc/app/token")
        }
    }
}
