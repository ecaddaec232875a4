import Filesystems
import Glibc
import LinuxSystem
import Testing

@testable import Controller

/// What of the changes in one generation's /etc is in the next.
@Suite struct EtcLayerTests {
    /// An `/etc` of files with these contents; "-" is a file that was removed.
    private func source(_ files: [String: String], mode: [String: UInt32] = [:]) -> EtcLayer.Source {
        var source = EtcLayer.Source()
        for (path, text) in files {
            var directory = parentDirectory(of: path)
            while directory != "/" {
                source.tree[directory] = .directory(mode: mode[directory] ?? 0o755)
                directory = parentDirectory(of: directory)
            }
            if text == "-" {
                source.tree[path] = Node(.characterDevice(major: 0, minor: 0), mode: 0)
                continue
            }
            source.tree[path] = .file(text, mode: mode[path] ?? 0o644)
            source.digests[path] = SHA256.hash(Array(text.utf8))
            if EtcLayer.accountFiles.contains(path) { source.accounts[path] = text }
        }
        return source
    }

    private func layer(
        _ drift: [String: String], old: [String: String] = [:], new: [String: String] = [:]
    ) -> EtcLayer { EtcLayer(drift: source(drift), old: source(old), new: source(new)) }

    @Test func whatWasAddedChangedAndRemovedIsTakenOver() {
        let image = ["/a/kept": "1", "/changed": "1", "/gone": "1"]
        let layer = layer(["/a/b/new": "n", "/changed": "2", "/gone": "-"], old: image, new: image)
        #expect(layer.tree.paths == ["/", "/a", "/a/b", "/a/b/new", "/changed", "/gone"])
        #expect(layer.conflicts.isEmpty)
    }

    @Test func whatTheNewRootHasAlreadyIsNoChangeAnyMore() {
        let layer = layer(
            ["/same": "2", "/gone": "-", "/d/e": "1"], old: ["/same": "1", "/gone": "1"],
            new: ["/same": "2", "/d/e": "1"])
        #expect(layer.tree.paths == ["/"])
        #expect(layer.conflicts.isEmpty)
    }

    @Test func whatBothChangedStaysAsItIsHereAndIsToldOf() {
        let layer = layer(
            ["/both": "here", "/gone": "-", "/added": "here"], old: ["/both": "1", "/gone": "1"],
            new: ["/both": "there", "/gone": "2", "/added": "there"])
        #expect(layer.tree.paths == ["/", "/added", "/both", "/gone"])
        #expect(layer.conflicts == ["/added", "/both", "/gone"])
    }

    @Test func modeAloneIsAChange() {
        let old = source(["/key": "k"])
        let layer = EtcLayer(drift: source(["/key": "k"], mode: ["/key": 0o600]), old: old, new: old)
        #expect(layer.tree["/key"]?.mode == 0o600)
    }

    @Test func ownerAndAttributesAloneAreChanges() {
        let image = source(["/a": "1", "/b": "1"])
        var drift = image
        drift.tree["/a"]?.uid = 7
        drift.tree["/b"]?.xattrs["user.note"] = [1]
        let layer = EtcLayer(drift: drift, old: image, new: image)
        #expect(layer.tree["/a"]?.uid == 7 && layer.tree["/b"]?.xattrs["user.note"] == [1])
        #expect(layer.conflicts.isEmpty)
    }

    @Test func symlinkIsComparedByWhereItLeads() {
        func etc(_ target: String) -> EtcLayer.Source {
            var source = EtcLayer.Source()
            source.tree["/link"] = Node(.symlink(target), mode: 0o777)
            return source
        }
        #expect(EtcLayer(drift: etc("here"), old: etc("1"), new: etc("there")).conflicts == ["/link"])
        #expect(EtcLayer(drift: etc("here"), old: etc("1"), new: etc("1")).conflicts == [])
        #expect(EtcLayer(drift: etc("2"), old: etc("1"), new: etc("2")).tree["/link"] == nil)
    }

    @Test func otherNamesOfAFileBecomeFilesAndSocketsGo() {
        var drift = source(["/a": "1"])
        drift.tree["/b"] = Node(.hardlink(to: "/a"), mode: 0o644)
        drift.tree["/s"] = Node(.socket, mode: 0o644)
        let layer = EtcLayer(drift: drift, old: source([:]), new: source(["/a": "1"]))
        // The name that the new root has, too, is not in the layer: nothing can be linked to it.
        #expect(layer.tree["/b"]?.kind == drift.tree["/a"]?.kind)
        #expect(layer.tree["/s"] == nil)
    }

    @Test func directoryThatWasEmptiedStaysEmpty() {
        var drift = EtcLayer.Source()
        drift.tree["/d"] = .directory(mode: 0o755)
        drift.tree["/d"]?.xattrs[EtcLayer.opaque] = [UInt8(ascii: "y")]
        let image = source(["/d/x": "1"])
        let layer = EtcLayer(drift: drift, old: image, new: image)
        #expect(layer.tree["/d"]?.xattrs[EtcLayer.opaque] == [UInt8(ascii: "y")])
    }

    @Test func directoryThatWasChangedIsTakenOverAndOthersAreAsTheNewRootHasThem() {
        let old = source(["/open/x": "1", "/quiet/x": "1"])
        let drift = source(["/open/y": "1", "/quiet/y": "1"], mode: ["/open": 0o700])
        let new = source(["/open/x": "1", "/quiet/x": "1"], mode: ["/open": 0o711, "/quiet": 0o750])
        let layer = EtcLayer(drift: drift, old: old, new: new)
        #expect(layer.tree["/open"]?.mode == 0o700)
        #expect(layer.tree["/quiet"]?.mode == 0o750)
    }

    @Test func whatASystemMakesOfItselfStays() {
        let layer = layer(
            ["/ld.so.cache": "2", "/.pwd.lock": "2", "/.updated": "2", "/machine-id": "2"], old: ["/ld.so.cache": "1"])
        #expect(layer.tree.paths == ["/"])
    }

    @Test func accountsAreMergedLineByLine() {
        let layer = layer(
            ["/passwd": "root:x:0\nold:x:5\nme:x:1000\nmine:x:6:changed\n"],
            old: ["/passwd": "root:x:0\nold:x:5\nmine:x:6\ntheirs:x:7\n"],
            new: ["/passwd": "root:x:0:new\nmine:x:6\nservice:x:8\ntheirs:x:7\n"])
        guard case .file(.bytes(let bytes)) = layer.tree["/passwd"]?.kind else {
            Issue.record("no list of accounts")
            return
        }
        // The new root's root and service, its removal of `old`; from here: `me`, the changed `mine`, no `theirs`.
        #expect(
            String(decoding: bytes, as: UTF8.self) == "root:x:0:new\nmine:x:6:changed\nservice:x:8\nme:x:1000\n")
        #expect(layer.conflicts.isEmpty)
    }

    @Test func accountThatWasChangedHereAndRemovedThereStays() {
        let merged = EtcLayer.merged(
            here: "a:changed\nb:1\nc:made\n", before: "a:1\nb:1\n", theirs: "d:1\n")
        #expect(merged == "d:1\na:changed\nc:made\n")
    }

    @Test(.enabled(if: geteuid() == 0, "makes what an overlay leaves of a removed file")) func layerIsReadAndWritten()
        throws
    {
        let directory = try TemporaryDirectory()
        let path = { (name: String) in "\(directory.path)/\(name)" }
        for name in ["old/etc/d", "root/etc", "next/etc", "new"] { try makeDirectories(path(name)) }
        for root in ["root", "next"] {
            for name in ["gone", "kept"] { try AtomicFile.write([1], to: path("\(root)/etc/\(name)")) }
        }
        let upper = try Descriptor.directory(path("old/etc"))
        try upper.makeNode("gone", mode: S_IFCHR)
        try AtomicFile.write([2], to: path("old/etc/d/file"), mode: 0o640)
        try upper.makeSymlink("link", target: "d/file")
        _ = try upper.openBeneath("d").setXattr(EtcLayer.opaque, [UInt8(ascii: "y")])
        // What an interrupted run has left.
        try makeDirectories(path("new/etc.partial/x"))
        let conflicts = try EtcLayer.carry(
            from: path("old"), oldRoot: Descriptor.directory(path("root")), to: path("new"),
            newRoot: Descriptor.directory(path("next")))
        #expect(conflicts == [])
        let made = try Descriptor.directory(path("new/etc"))
        #expect(try made.entries() == ["d", "gone", "link"])
        #expect(try made.status(of: "gone").type == S_IFCHR)
        #expect(try made.status(of: "d/file").mode & 0o7777 == 0o640)
        #expect(try made.linkTarget("link") == "d/file")
        #expect(try made.xattrs(of: "d") { $0 == EtcLayer.opaque } == [EtcLayer.opaque: [UInt8(ascii: "y")]])
        #expect(try Descriptor.directory(path("new")).entries() == ["etc"])
    }
}
