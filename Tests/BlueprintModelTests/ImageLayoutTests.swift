import BlueprintModel
import Testing

@Suite struct ImageLayoutTests {
    private static let head = "layout: 1\nname: x\narchitectures: [amd64]\nboot: systemd-boot\npartitions:\n"
    private static let good = [
        "{ role: esp, size: 64MiB }", "{ role: root, slot: a, size: 1GiB }", "{ role: verity, slot: a, size: 9MiB }",
        "{ role: root, slot: b, size: 1GiB }", "{ role: verity, slot: b, size: 9MiB }",
        "{ role: data, size: 64MiB, grow: true }",
    ]

    private static func layout(_ lines: [String]) throws -> ImageLayout {
        try ImageLayout(yaml: Array((head + lines.map { "  - \($0)\n" }.joined()).utf8), file: "l")
    }

    @Test func aLayoutIsRead() throws {
        let layout = try Self.layout(Self.good)
        #expect(layout.partitions.map(\.role) == [.esp, .root, .verity, .root, .verity, .data])
        #expect(layout.partitions[4] == .init(role: .verity, slot: .b, size: 9 << 20))
        #expect(layout.partitions[5] == .init(role: .data, size: 64 << 20, grow: true))
        #expect((layout.sectorSize, layout.alignment) == (512, 1 << 20))
    }

    /// Which line is replaced by what, and the messages.
    static let bad: [(Int, String?, [String])] = [
        (0, nil, ["l:6:3: no partition has the role esp"]), (1, nil, ["l:6:3: slot a has no root partition"]),
        (4, nil, ["l:6:3: slot b has no verity partition"]),
        (
            5, "{ role: esp, size: 1MiB }",
            ["l:6:3: no partition has the role data", "l:11:5: a second esp: the first is in line 6"]
        ),
        (
            3, "{ role: root, slot: b, size: 2GiB }",
            [
                "l:9:5: the root partitions of both slots must have one size",
                "l:10:5: the hash tree of slot b needs 16520KiB or more",
            ]
        ),
        (
            2, "{ role: verity, slot: a, size: 8MiB }",
            [
                "l:8:5: the hash tree of slot a needs 8264KiB or more",
                "l:10:5: the verity partitions of both slots must have one size",
            ]
        ),
        (0, "{ role: esp, size: 64MiB, grow: true }", ["l:6:5: only the last partition can grow"]),
        (0, "{ role: esp, slot: a, size: 64MiB }", ["l:6:5: the role esp has no slot"]),
        (0, "{ role: esp, size: 1025KiB }", ["l:6:5: the size of esp is no multiple of the alignment 1MiB"]),
        (
            5, "{ role: data, size: 9999999TiB }",
            [
                "l:11:25: partitions.size: \"9999999TiB\" is not a size; wanted a whole number and KiB, MiB, GiB or TiB, as in "
                    + "\"512MiB\""
            ]
        ),
        (
            5, "{ role: swap, size: 1MiB }",
            ["l:11:13: partitions.role: \"swap\" is not a role; wanted esp, root, verity or data"]
        ),
        (5, "{ role: data }", ["l:11:5: missing key \"size\" in partitions"]),
    ]

    @Test(arguments: bad) func aMistakeIsNamedWithItsPlace(line: Int, text: String?, wanted: [String]) {
        var lines = Self.good
        if let text { lines[line] = text } else { lines.remove(at: line) }
        #expect(documentProblems { try Self.layout(lines) } == wanted)
    }

    @Test func sizesThatOverflowTogetherAreRefused() {
        var lines = Self.good
        for index in [1, 3] { lines[index] = "{ role: root, slot: \(index == 1 ? "a" : "b"), size: 4194304TiB }" }
        #expect(documentProblems { try Self.layout(lines) }.contains("l:1:1: the partitions are larger than any disk"))
    }

    @Test(arguments: [(1, 1), (2, 2), (128, 2), (129, 4), (16_384, 130), (16_385, 133), (262_144, 2066)])
    func aHashTreeHasTheBlocksThatVeritysetupWrites(data: Int, tree: Int) {
        #expect(ImageLayout.verityBytes(for: data * 4096) == tree * 4096)
        #expect(ImageLayout.verityBytes(for: data * 4096 - 1) == tree * 4096)
    }

    @Test func aBlueprintResizesSlotsAndData() throws {
        var image = Blueprint.Image()
        #expect(try Self.layout(Self.good).resized(for: image) == Self.layout(Self.good))
        (image.slot, image.data) = (2 << 30, 5 << 10)
        let sizes = try Self.layout(Self.good).resized(for: image).partitions.map { $0.size >> 20 }
        #expect(sizes == [64, 2048, 17, 2048, 17, 1])
    }
}
