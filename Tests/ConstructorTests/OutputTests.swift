import Glibc
import LinuxSystem
import Testing

@testable import Constructor

@Suite struct OutputTests: ~Copyable {
    private let scratch: TemporaryDirectory

    init() throws { scratch = try TemporaryDirectory() }

    // MARK: - Arguments

    @Test(arguments: [
        ("a.raw", Output.Form.raw, "a.raw"), ("out/b.qcow2", .qcow2, "out/b.qcow2"), ("c.tar", .tar, "c.tar"),
        ("d.oci", .oci, "d.oci"), ("e.oci.tar", .ociArchive, "e.oci.tar"), ("f.split", .split, "f.split"),
        ("raw:g.tar", .raw, "g.tar"), ("oci-archive:h", .ociArchive, "h"), ("oci:i.oci.tar", .oci, "i.oci.tar"),
        ("g.split.tar", .splitArchive, "g.split.tar"), ("split-archive:h", .splitArchive, "h"),
        ("split:i", .split, "i"),
        ("directory:/srv/root/", .directory, "/srv/root"), ("tar:raw:x", .tar, "raw:x"), ("j:k.raw", .raw, "j:k.raw"),
    ])
    func prefixOrEndingTellsTheForm(_ argument: String, _ form: Output.Form, _ path: String) throws {
        #expect(try Output(argument: argument) == Output(form, path: path))
    }

    @Test(arguments: ["", "image", "vmdk:a.vmdk", "a.raw.gz", "Raw:a", "raw"])
    func untoldFormIsRefusedWithTheForms(_ argument: String) {
        #expect { try Output(argument: argument) } throws: { error in
            "\(error)".contains("output \(argument): ")
                && "\(error)".contains("qcow2, split, split-archive, tar, directory, oci")
        }
    }

    @Test func manifestLiesBesideDiskImagesOnly() throws {
        #expect(Output(.raw, path: "out/a.raw").manifestPath == "out/a.manifest.json")
        #expect(Output(.qcow2, path: "a.qcow2").manifestPath == "a.manifest.json")
        #expect(Output(.raw, path: "a.img").manifestPath == "a.img.manifest.json")
        #expect(Output(.raw, path: "out/a.raw").signaturesPath == "out/a.manifest.json.sig")
        for form in [Output.Form.split, .splitArchive, .tar, .directory, .oci, .ociArchive] {
            #expect(Output(form, path: "a").manifestPath == nil && Output(form, path: "a").signaturesPath == nil)
        }
    }

    // MARK: - Places

    /// What is said of outputs below the scratch directory; empty where they are accepted.
    private func problem(_ outputs: (Output.Form, String)...) -> String {
        do throws(ConstructorError) {
            try Output.check(outputs.map { Output($0, path: "\(scratch.path)/\($1)") })
            return ""
        } catch {
            return error.description
        }
    }

    @Test func outputsOfOneDiskShareItsManifest() {
        #expect(problem((.raw, "a.raw"), (.qcow2, "a.qcow2"), (.split, "a"), (.tar, "a.tar"), (.oci, "a.oci")) == "")
    }

    @Test func outputsInEachOthersPlaceAreRefused() throws {
        try makeDirectories("\(scratch.path)/tree/inner")
        #expect(symlink("tree", "\(scratch.path)/link") == 0)
        for (first, second) in [
            ((Output.Form.raw, "a"), (Output.Form.tar, "a")), ((.raw, "a"), (.raw, "./a")),
            ((.raw, "tree/a"), (.tar, "link/a")), ((.directory, "tree/inner"), (.raw, "link/inner/a.raw")),
        ] {
            for pair in [(first, second), (second, first)] {
                #expect(problem(pair.0, pair.1).contains("in each other's place"), "\(pair)")
            }
        }
        #expect(problem((.raw, "a.raw"), (.tar, "a.manifest.json")).contains("where the manifest of"))
    }

    /// Replacing a directory removes what is in it.
    @Test func foreignDirectoryIsNotReplaced() throws {
        let forms = [Output.Form.directory, .oci, .split]
        try makeDirectories("\(scratch.path)/home/photographs")
        try makeDirectories("\(scratch.path)/empty")
        for form in forms {
            #expect(problem((form, "home")).contains("holds something else"))
            #expect(problem((form, "empty")) == "")
        }
        for (form, mark) in zip(forms, ["usr/lib/pisces/system/blueprint.json", "oci-layout", "SHA256SUMS"]) {
            let path = "\(scratch.path)/\(form)/\(mark)"
            try makeDirectories(parentDirectory(of: path))
            try AtomicFile.write([], to: path)
            #expect(problem((form, "\(form)")) == "")
        }
        #expect(problem((.oci, "split")).contains("holds something else"))
    }

    @Test func fileAndDirectoryDoNotReplaceEachOther() throws {
        try makeDirectories("\(scratch.path)/directory")
        try AtomicFile.write([], to: "\(scratch.path)/file")
        #expect(problem((.raw, "directory")).contains("Is a directory"))
        #expect(problem((.oci, "file")).contains("Not a directory"))
        #expect(problem((.raw, "file")) == "")
    }

    @Test func placeWithoutNameOrFolderIsRefused() {
        for path in ["", "/", "..", "tree/.", "tree/.."] {
            #expect(throws: ConstructorError.self) { try Output.check([Output(.directory, path: path)]) }
        }
        #expect(problem((.directory, "nowhere/tree")).contains("No such file or directory"))
    }
}
