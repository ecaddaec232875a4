import BootArtefacts
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct CpioArchiveTests: ~Copyable {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func sample() throws -> [UInt8] {
        var archive = CpioArchive()
        try archive.addDirectory("dev")
        try archive.addCharacterDevice("dev/console", major: 5, minor: 1)
        try archive.addCharacterDevice("dev/null", major: 1, minor: 3, mode: 0o666)
        try archive.addFile("init", Array("#!/bin/sh\n".utf8), mode: 0o755)
        try archive.addDirectory("usr", mode: 0o1777)
        try archive.addFile("usr/empty", [], mode: 0o640)
        try archive.addFile("usr/three", [1, 2, 3])
        try archive.addSymlink("bin", target: "usr/bin")
        return archive.finish()
    }

    @Test func cpioListsWhatWasAdded() throws {
        let path = directory.path + "/initrd"
        try AtomicFile.write(sample(), to: path)
        let listing = try shell("cpio -itv --quiet --numeric-uid-gid < \(path)")
        #expect(listing.status == 0)
        let lines = listing.output.split(separator: "\n").map { line in
            line.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        #expect(
            lines == [
                "drwxr-xr-x 2 0 0 0 Jan 1 1970 dev", "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
                "crw-rw-rw- 1 0 0 1, 3 Jan 1 1970 dev/null", "-rwxr-xr-x 1 0 0 10 Jan 1 1970 init",
                "drwxrwxrwt 2 0 0 0 Jan 1 1970 usr", "-rw-r----- 1 0 0 0 Jan 1 1970 usr/empty",
                "-rw-r--r-- 1 0 0 3 Jan 1 1970 usr/three", "lrwxrwxrwx 1 0 0 7 Jan 1 1970 bin -> usr/bin",
            ])
    }

    @Test func cpioExtractsTheContent() throws {
        var archive = CpioArchive()
        try archive.addDirectory("d")
        var generator = SeededGenerator(state: 4)
        // Every padding.
        let contents = (0..<9).map { generator.bytes($0 * 1001) }
        for (index, content) in contents.enumerated() {
            try archive.addFile("d/\(String(repeating: "n", count: index + 1))", content)
        }
        try archive.addSymlink("link", target: "d/n")
        let path = directory.path + "/initrd"
        try AtomicFile.write(archive.finish(), to: path)
        let extracted = try shell(
            "mkdir \(directory.path)/out && cd \(directory.path)/out && cpio -id --quiet < \(path)")
        #expect(extracted.status == 0 && extracted.output.isEmpty, "\(extracted.output)")
        for (index, content) in contents.enumerated() {
            let name = String(repeating: "n", count: index + 1)
            #expect(try Descriptor.open("\(directory.path)/out/d/\(name)").readToEnd() == content)
        }
        #expect(try Descriptor.directory(directory.path + "/out").linkTarget("link") == "d/n")
    }

    @Test func bytesAreThoseOfGNUCpio() throws {
        // Same order, times and owners: only the inode numbers are up to the writer, and GNU cpio renumbers too.
        let out = directory.path
        let made = try shell(
            "mkdir -p \(out)/t/usr && cd \(out)/t && chmod 755 usr && printf abc > usr/three && chmod 644 usr/three"
                + " && ln -s usr/three l && touch -h -d @0 usr usr/three l && printf 'usr\\nusr/three\\nl\\n'"
                + " | cpio -o -H newc --reproducible --quiet -R 0:0 > \(out)/oracle")
        #expect(made.status == 0, "\(made.output)")
        var archive = CpioArchive()
        try archive.addDirectory("usr")
        try archive.addFile("usr/three", Array("abc".utf8))
        try archive.addSymlink("l", target: "usr/three")
        let oracle = try Descriptor.open(out + "/oracle").readToEnd()
        #expect(withoutInodes(archive.finish()) == withoutInodes(oracle))
    }

    private func withoutInodes(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(separator: "070701", omittingEmptySubsequences: false).map { $0.dropFirst(8) }.joined(
            separator: "|")
    }

    @Test func sameCallsGiveSameBytesInWholeBlocks() throws {
        #expect(try sample() == sample())
        #expect(try sample().count.isMultiple(of: 512))
    }

    @Test(arguments: [
        "", "/abs", "a//b", "a/", "./a", "..", "dev/../x", "missing/x", "dev", "file/x", "a\0b", "TRAILER!!!",
    ])
    func impossiblePathIsRefused(_ path: String) throws {
        var archive = CpioArchive()
        try archive.addDirectory("dev")
        try archive.addFile("file", [])
        #expect(throws: BootArtefactError.self) { try archive.addFile(path, []) }
        #expect(throws: BootArtefactError.self) { try archive.addDirectory(path) }
        #expect(throws: BootArtefactError.self) { try archive.addSymlink("l", target: "") }
    }
}
