import Glibc
import Testing

@testable import Copier

@Suite struct PathTreeTests {
    @Test func everyNameIsThereOnce() {
        var tree = PathTree()
        var made: [Int32] = []
        for index in 0..<60_000 { made.append(tree.makePath("/d\(index % 100)/n\(index)")) }
        #expect(Set(made).count == 60_000)
        for index in stride(from: 0, to: 60_000, by: 997) {
            #expect(tree.find("/d\(index % 100)/n\(index)") == made[index])
            #expect(String(decoding: tree.path(made[index]), as: UTF8.self) == "/d\(index % 100)/n\(index)")
        }
        #expect(tree.find("/d1/n0") == nil)
        #expect(tree.find("/") == PathTree.root && tree.makePath("//.//") == PathTree.root)
        #expect(tree.makePath("/d1/./n1/") == tree.find("/d1/n1"))
    }

    @Test func aliasesLeadToTheirDirectoryButAreThemselves() {
        var tree = PathTree()
        let alias = tree.makePath("/bin")
        tree.aliases[alias] = tree.makePath("/usr/bin")
        #expect(tree.makePath("/bin/sh") == tree.makePath("/usr/bin/sh"))
        #expect(tree.find("/bin/sh") == tree.find("/usr/bin/sh"))
        #expect(tree.makePath("/bin") == alias)
    }

    @Test func childrenAreInByteOrder() {
        var tree = PathTree()
        for name in ["b", "ab", "a", "a-b", "é", "B"] { _ = tree.makePath("/\(name)") }
        #expect(tree.children(PathTree.root).map(tree.name) == ["B", "a", "a-b", "ab", "b", "é"])
    }

    private func link(_ path: String, to target: String, in tree: inout PathTree) {
        let node = tree.makePath(path)
        tree[node].flags = .isOnDisk
        tree[node].facts.mode = S_IFLNK
        Array(target.utf8).withUnsafeBufferPointer { tree.setTarget(node, $0) }
    }

    @Test func symlinksAreFollowedInside() {
        var tree = PathTree()
        for path in ["/a", "/a/b", "/c"] {
            let node = tree.makePath(path)
            tree[node].flags = .isOnDisk
            tree[node].facts.mode = S_IFDIR
        }
        link("/c/abs", to: "/a", in: &tree)
        link("/c/up", to: "../../../../a", in: &tree)
        link("/c/loop", to: "loop", in: &tree)
        link("/c/other", to: "/c/loop/x", in: &tree)
        let place = tree.find("/a/b")
        let expected = [
            ("/c/abs/b", place), ("/c/up/./b", place), ("/c/loop/b", nil), ("/c/other/b", nil), ("/c/abs/missing", nil),
        ]
        for (path, place) in expected {
            let node = tree.makePath(path)
            #expect(tree.resolve(node) == place, "\(path)")
        }
    }
}
