import Filesystems
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

/// What podman(1) sees in an additional store on a read-only EROFS, beside what it makes of the same images itself.
@Suite(.enabled(if: getuid() == 0 && access("/usr/bin/podman", X_OK) == 0, "needs root, to mount, and podman"))
struct PodmanOracleTests {
    typealias Site = ImageStorageTests.Site

    /// Layers of which each says everything about its directories: where one does not, podman forgets what they were.
    private static func layers(_ random: inout some RandomNumberGenerator) -> [TarArchive] {
        (0..<3).map { _ in
            var members: [String: TarArchive.Member] = [:]
            var whiteouts: [TarArchive.Member] = []
            for _ in 0..<12 {
                let names = (0...Int.random(in: 0...2, using: &random)).map { _ in
                    "abc".randomElement(using: &random) ?? "a"
                }
                let parents = names.indices.dropFirst().map { names[..<$0].map(String.init).joined(separator: "/") }
                let path = names.map(String.init).joined(separator: "/")
                guard parents.allSatisfy({ members[$0].map { $0.type == "5" } ?? true }), members[path] == nil else {
                    continue
                }
                for parent in parents where members[parent] == nil { members[parent] = directory(parent, &random) }
                let parent = parents.last.map { "\($0)/" } ?? ""
                switch Int.random(in: 0..<7, using: &random) {
                case 0, 1: members[path] = directory(path, &random)
                case 2: members[path] = .link(path, to: "../x")
                case 3 where !whiteouts.contains { $0.name == "\(parent).wh.\(names[names.count - 1])" }:
                    // Hidden and there again at once is another question.
                    if !members.keys.contains(where: { $0 == path || $0.hasPrefix(path + "/") }) {
                        whiteouts.append(.file("\(parent).wh.\(names[names.count - 1])"))
                        members[path] = TarArchive.Member(name: "", type: "0")
                    }
                case 4 where !parent.isEmpty: whiteouts.append(.file("\(parent).wh..wh..opq"))
                default:
                    var file = TarArchive.Member.file(path, path)
                    file.mode = [0o644, 0o4755, 0o2710, 0o600].randomElement(using: &random) ?? 0
                    file.owner = (Int.random(in: 0...70000, using: &random), 5)
                    members[path] = file
                }
            }
            var seen: Set<String> = []
            let rest = whiteouts.filter { seen.insert($0.name).inserted }
            return TarArchive(
                [.directory("./", mode: 0o755)]
                    + members.sorted { bytesPrecede($0.key, $1.key) }.map(\.value).filter { !$0.name.isEmpty } + rest)
        }
    }

    private static func directory(_ path: String, _ random: inout some RandomNumberGenerator) -> TarArchive.Member {
        var member = TarArchive.Member.directory(path, mode: [0o755, 0o700, 0o1777].randomElement(using: &random) ?? 0)
        member.modified += Int.random(in: 0...1000, using: &random)
        return member
    }

    @Test func podmanSeesWhatItWouldHaveMadeItself() throws {
        let site = try Site()
        var random = SeededGenerator(state: 20)
        var offered: [(blob: ContainerImageLayout.Blob, name: String?)] = []
        for number in 0..<6 {
            offered.append((try site.layout.addImage(layers: Self.layers(&random)), "\(number)"))
        }
        offered.append((try ImageStorageTests.someImage(in: site.layout, describesAll: true), "some"))
        try site.layout.list(offered)
        let tree = try site.tree(try offered.map { try site.lock("localhost/image:\($0.name ?? "")") })
        let file = try Descriptor.open("\(site.directory.path)/root.erofs", O_RDWR | O_CREAT)
        _ = try ErofsWriter.write(
            tree, source: site.root.directory, to: file, at: 0,
            options: .init(uuid: [UInt8](repeating: 7, count: 16), label: "root", epoch: 1_700_000_000))
        let script = Self.script.replacing("IMAGES", with: offered.compactMap(\.name).joined(separator: " "))
        try AtomicFile.write(Array(script.utf8), to: "\(site.directory.path)/script")
        let result = try shell("cd \(site.directory.path) && unshare -m sh script 2>&1")
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output == "", "< is ours, > is podman's")
        // It would be quiet, too, had it looked at nothing.
        let listing = String(decoding: try Descriptor.open("\(site.directory.path)/ours").readToEnd(), as: UTF8.self)
        #expect(listing.contains("bin/su f 4755 0:0 1") && listing.contains("bin/capable cap_net_bind_service=ep"))
        #expect(!listing.contains("etc/gone") && listing.contains("note=0sAP8="))
    }

    private static let script = """
        set -e
        mkdir mnt
        mount -t tmpfs none mnt
        mkdir mnt/lower mnt/run mnt/graph mnt/run2 mnt/graph2
        mount -o loop,ro root.erofs mnt/lower
        configure() {
            cat > $1.conf << END
        [storage]
        driver = "overlay"
        graphroot = "$PWD/mnt/graph$2"
        runroot = "$PWD/mnt/run$2"
        [storage.options]
        additionalimagestores = [$3]
        END
        }
        configure ours '' "\\"$PWD/mnt/lower/usr/lib/containers/storage\\""
        configure theirs 2 ''
        show() {
            export CONTAINERS_STORAGE_CONF=$PWD/$1.conf
            for image in IMAGES; do
                podman --log-level error image inspect --format '{{.Id}} {{.Digest}}' localhost/image:$image
                podman --log-level error create --name made-$image --network none localhost/image:$image x > /dev/null
                podman --log-level error save --quiet --format oci-dir -o saved-$1-$image localhost/image:$image
                (cd saved-$1-$image && find blobs | sort)
                place=$(podman --log-level error mount made-$image)
                (
                    cd "$place"
                    # An overlay counts no links of directories that it merges, and podman forgets what "./" was.
                    find . -mindepth 1 ! -type d -printf '%P %y %m %U:%G %n %T@ %l\\n' | LC_ALL=C sort
                    find . -mindepth 1 -type d -printf '%P %y %m %U:%G %T@\\n' | LC_ALL=C sort
                    find . -type f | LC_ALL=C sort | xargs -r sha256sum
                    find . -type f | LC_ALL=C sort | xargs -r getcap
                    getfattr -R -h -d -e base64 -m '^user[.]' .
                ) | sed 's,^[.]/,,; s/ \\([0-9]*\\)[.]0* /\\1/'
            done
        }
        for image in IMAGES; do
            CONTAINERS_STORAGE_CONF=$PWD/theirs.conf skopeo copy --quiet --insecure-policy oci:layout:$image \\
                containers-storage:localhost/image:$image
        done
        # Where it writes a whiteout into what is opaque anyway, find(1) meets names that are not there.
        show theirs > theirs 2> /dev/null
        show ours > ours
        diff ours theirs
        """
}
