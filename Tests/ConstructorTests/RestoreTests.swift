import Archive
import Filesystems
import Glibc
import LinuxSystem
import Testing

@testable import Constructor

/// What an archive of a staged root brings back is that root.
@Suite final class RestoreTests {
    let directory: TemporaryDirectory
    let root: StagedRoot

    init() throws {
        directory = try TemporaryDirectory()
        try makeDirectories("\(directory.path)/root")
        root = try StagedRoot(path: "\(directory.path)/root")
    }

    /// Archives the root and restores it elsewhere.
    func restored() throws -> StagedRoot {
        let archive = try AtomicFile.create("\(directory.path)/tar")
        let tree = try FileTree.scan(root.directory)
        _ = try TarWriter.write(tree, source: root.directory, to: archive.descriptor, at: 0)
        try makeDirectories("\(directory.path)/copy")
        let copy = try StagedRoot(path: "\(directory.path)/copy")
        try copy.restore(try MappedFile(archive.descriptor), name: "tar")
        return copy
    }

    @Test func aRestoredRootIsTheRoot() throws {
        let (uid, gid) = (getuid(), getgid())
        try root.makeDirectory("usr/bin", mode: 0o2755, uid: uid, gid: gid)
        try root.write([1, 2, 3], to: "usr/bin/tool", mode: 0o4755, uid: uid, gid: gid)
        try root.write([], to: "usr/empty", mode: 0, uid: uid, gid: gid)
        try root.symlink("lib", to: "usr/lib")
        try root.symlink("usr/lib", to: "/nowhere/\u{301}é")
        for number in 0..<300 {
            let content = [UInt8](repeating: UInt8(number % 251), count: number * 977)
            try root.write(content, to: "data/\(number % 7)/file \(number)", uid: uid, gid: gid)
        }
        try root.write([7], to: "data/\(String(repeating: "long", count: 60))", uid: uid, gid: gid)
        let bin = try root.directory.openInRoot("usr/bin")
        try bin.makeLink("tool", in: try root.directory.openInRoot("data"), "another name")
        let tool = try root.directory.openInRoot("usr/bin/tool")
        try tool.setXattr("user.note", [0, 255, 10])
        try tool.setModified(1)
        // A directory's time too, which making its files would change.
        try root.directory.openInRoot("data/3").setModified(1_000_000_000)
        try root.directory.setMode(0o711)

        let (before, after) = (try FileTree.scan(root.directory), try FileTree.scan(try restored().directory))
        for path in before.paths { #expect(after[path] == before[path], "\(path)") }
        #expect(after == before)
        for path in before.paths where before[path]?.isDirectory == false {
            guard case .file(.staged(let name, _)) = before[path]?.kind else { continue }
            #expect(try root.read(name) == StagedRoot(path: "\(directory.path)/copy").read(name), "\(path)")
        }
    }

    @Test func aRestoredFileReplacesTheOneThatIsThere() throws {
        try root.write([1, 2, 3], to: "etc/file", uid: getuid(), gid: getgid())
        try makeDirectories("\(directory.path)/copy/etc")
        try AtomicFile.write([9, 9, 9, 9, 9], to: "\(directory.path)/copy/etc/file")
        #expect(try restored().read("etc/file") == [1, 2, 3])
    }

    @Test func aDamagedArchiveIsAnError() throws {
        let copy = try StagedRoot(path: root.path)
        let noise = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        #expect(throws: ArchiveError.self) {
            try AtomicFile.write(noise, to: "\(directory.path)/noise")
            try copy.restore(try MappedFile(try Descriptor.open("\(directory.path)/noise")), name: "noise")
        }
    }
}
