import Testing

@testable import Copier

@Suite struct MountsTests {
    private let text = """
        20 1 254:1 / / rw - ext4 /dev/vda1 rw
        21 20 0:21 / /proc rw - proc proc rw
        22 20 254:2 / /var rw,relatime shared:1 - xfs /dev/vda2 rw
        23 22 254:1 /var/lib/view /var/lib/view rw - ext4 /dev/vda1 rw
        24 22 0:40 / /var/lib/containers/merged rw - overlay overlay rw
        25 20 0:41 / /etc rw - overlay overlay rw
        26 20 0:42 / /srv/far\\040away rw - nfs4 server:/x rw
        27 22 254:2 / /var/second rw - xfs /dev/vda2 rw
        """

    @Test func disksAreEnteredOnceAndNothingElse() {
        let mounts = Mounts(mountinfo: text, root: "/")
        let foreign = Dictionary(
            uniqueKeysWithValues: mounts.foreign.map { (String(decoding: $0.key, as: UTF8.self), $0.value) })
        #expect(
            foreign == [
                "/proc": "proc", "/var/lib/view": "ext4", "/var/lib/containers/merged": "overlay",
                "/srv/far away": "nfs4",
                "/var/second": "xfs",
            ])
        #expect(mounts.isKnown && !Mounts().isKnown)
    }

    @Test func pathsAreThoseBelowTheRoot() {
        let text = """
            20 1 254:1 / / rw - ext4 /dev/vda1 rw
            21 20 254:9 / /mnt/root rw - ext4 /dev/vda9 rw
            22 21 0:21 / /mnt/root/proc rw - proc proc rw
            23 20 0:21 / /mnt/rootless rw - proc proc rw
            """
        let foreign = Mounts(mountinfo: text, root: "/mnt/root").foreign
        #expect(foreign == [Array("/proc".utf8): "proc"])
    }

    @Test(arguments: ["", "\n\n", "1 2 3", "20 1 254:1 / / rw -", "20 1 254:1 / /a\\9 rw - x", "a b c d e f g h i - "])
    func brokenLinesAreHarmless(_ text: String) {
        #expect(Mounts(mountinfo: text, root: "/").foreign.count < 2)
    }
}
