import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Copier

@Suite final class ContentCheckTests {
    private let directory: TemporaryDirectory
    private let root: SourceRoot

    init() throws {
        directory = try TemporaryDirectory()
        root = try SourceRoot(path: directory.path)
        try makeDirectories("\(directory.path)/d/e")
        for name in ["same", "gone", "longer", "shorter", "pipe", "link", "d/e/moved"] {
            try AtomicFile.write(Array("content\n".utf8), to: "\(directory.path)/\(name)")
        }
    }

    private func walked() throws -> PathTree {
        var tree = PathTree()
        try tree.walk(
            root.directory, PathTree.Walk(notEntered: ["/left"], inside: ["/"], mounts: Mounts(), cache: DigestCache()))
        return tree
    }

    @Test func whatVanishesOrChangesAfterTheWalkIsToldApart() throws {
        let tree = try walked()
        let result = try shell(
            """
            cd \(directory.path); rm gone; echo more >> longer; : > shorter; rm pipe; mkfifo pipe
            rm link; ln -s same link; mv d e; touch -d @1 e
            """)
        #expect(result.status == 0, "\(result.output)")
        let names = ["same", "gone", "longer", "shorter", "pipe", "link", "d/e/moved"]
        let nodes = try names.map { try #require(tree.find("/\($0)")) }
        let check = try ContentCheck(nodes, in: tree, root: root.directory, cache: DigestCache())
        // The digest of "content\n" by md5sum.
        let digest = MD5Digest(hex: Array("f75b8179e4bbe7e2b4a074dcef62de95".utf8))
        let outcomes = nodes.map { check.outcomes[$0] }
        #expect(
            outcomes == [digest.map { .digest($0) }, .vanished, .changed, .changed, .changed, .vanished, .vanished])
        #expect(check.readCount == 7)
    }

    @Test func aWalkDoesNotEnterWhatIsLeftOut() throws {
        try makeDirectories("\(directory.path)/left/below")
        let tree = try walked()
        #expect(tree.find("/left").map { tree.has($0, .isOnDisk) } == true)
        #expect(tree.find("/left/below") == nil)
        #expect(tree.find("/d/e/moved").map { tree[$0].facts.size } == 8)
    }

    @Test func aRootThatChangesUnderTheWalkIsNoReasonToStop() throws {
        let started = try shell(
            """
            cd \(directory.path); touch go; (while [ -e go ]; do mkdir -p t/a/b/c; touch t/a/b/c/$RANDOM t/x; ln -sf x t/y
            rm -rf t; done) > /dev/null 2>&1 & echo $! > pid
            """)
        #expect(started.status == 0)
        for _ in 0..<200 { _ = try walked() }
        // What goes on in a directory that is gone would go on for ever.
        _ = try shell("cd \(directory.path); rm go; while kill -0 $(cat pid) 2> /dev/null; do sleep 0.05; done")
    }
}
