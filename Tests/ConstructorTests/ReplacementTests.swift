import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// What may be where an output goes.
@Suite struct ReplacementTests: ~Copyable {
    private let scratch: TemporaryDirectory

    init() throws { scratch = try TemporaryDirectory() }

    private func path(_ name: String) -> String { "\(scratch.path)/\(name)" }

    /// Why it is not replaced; empty where it is.
    private func refusal(_ form: Output.Form, _ path: String, force: Bool = false) -> String {
        do throws(ConstructorError) {
            try Output(form, path: path).requireReplaceable(force: force)
            return ""
        } catch {
            return error.description
        }
    }

    private func write(_ text: String, _ name: String) throws {
        try AtomicFile.write(Array(text.utf8), to: path(name))
    }

    @Test(arguments: Output.Form.allCases) func whereNothingIsAnOutputCanGo(form: Output.Form) {
        #expect(refusal(form, path("new")) == "")
    }

    @Test(arguments: [Output.Form.raw, .qcow2])
    func imageIsReplacedOnlyIfItsManifestIsBesideIt(form: Output.Form) throws {
        let name = "node.\(form.rawValue)"
        try write("dear diary", name)
        let words = refusal(form, path(name))
        #expect(words.contains("\(path(name)) is there already") && words.contains("--force"), "\(words)")
        #expect(words.contains("no \(path("node.manifest.json")) beside it"), "\(words)")
        #expect(refusal(form, path(name), force: true) == "")
        try write("{}", "node.manifest.json")
        #expect(refusal(form, path(name)) == "")
    }

    @Test func whatIsNoFileIsNeverReplaced() throws {
        try makeDirectories(path("folder.raw"))
        try write("dear diary", "diary")
        #expect(symlink("diary", path("link.raw")) == 0)
        #expect(mkfifo(path("pipe.raw"), 0o600) == 0)
        var places = [
            (path("folder.raw"), "a directory"), (path("link.raw"), "a symbolic link"),
            (path("pipe.raw"), "something else"), ("/dev/null", "a character device"),
        ]
        if geteuid() == 0, mknod(path("disk"), S_IFBLK | 0o600, 7 << 8) == 0 {
            places.append((path("disk"), "a block device"))
            #expect(refusal(.raw, path("disk")).contains("use dd(1)"))
        }
        try write("{}", "folder.manifest.json")
        for (place, words) in places {
            for force in [false, true] {
                let refusal = refusal(.raw, place, force: force)
                #expect(refusal.contains("\(place) is \(words)") && refusal.contains("--force"), "\(refusal)")
            }
        }
    }

    @Test func archiveIsReplacedOnlyIfAConstructionMadeIt() throws {
        func archive(_ form: Output.Form, _ paths: [String]) throws -> String {
            var tree = FileTree()
            for path in paths {
                var parent = parentDirectory(of: path)
                while parent != "/" {
                    tree[parent] = .directory()
                    parent = parentDirectory(of: parent)
                }
                tree[path] = .file("content")
            }
            let file = try Descriptor.open(path("a.tar"), O_RDWR | O_CREAT | O_TRUNC)
            _ = try TarWriter.write(tree, source: try Descriptor.directory("/"), to: file, at: 0)
            return refusal(form, path("a.tar"))
        }
        #expect(try archive(.tar, ["/etc/motd", "/usr/lib/pisces/system/blueprint.json", "/usr/bin/env"]) == "")
        #expect(try archive(.ociArchive, ["/blobs/sha256/00", "/oci-layout"]) == "")
        #expect(try archive(.splitArchive, ["/manifest.json", "/node_1.efi"]) == "")
        for form in [Output.Form.tar, .ociArchive, .splitArchive] {
            #expect(try archive(form, ["/home/diary"]).contains("--force"))
            try write("dear diary", "a.tar")
            #expect(refusal(form, path("a.tar")).contains("it is no archive of a construction"))
            try write("", "a.tar")
            #expect(refusal(form, path("a.tar")).contains("--force"))
            #expect(refusal(form, path("a.tar"), force: true) == "")
        }
    }
}
