import BlueprintModel
import Constructor
import LinuxSystem

/// `pisces construct --dry-run`: what a construction will make, for people and as JSON.
struct ConstructPreview {
    let preview: ConstructionPreview
    let outputs: [Output]

    /// A table of the disk, then a line for each figure.
    var text: String {
        let rows = preview.partitions.map { partition in
            [
                "\(partition.number)", partition.role.rawValue, partition.slot?.rawValue.uppercased() ?? "-",
                humanSize(partition.start), humanSize(partition.size),
            ]
        }
        let table = Self.aligned([["", "partition", "slot", "start", "size"]] + rows)
        let (all, missing) = (preview.packages, preview.missing)
        let fraction = preview.rootEstimate * 100 / max(1, preview.slotSize)
        let figures = [
            ("layout", "\(preview.layout), a disk of \(humanSize(preview.diskSize))"),
            ("packages", "\(all.count), \(humanSize(all.size))"),
            ("to fetch", missing.count == 0 ? "nothing" : "\(missing.count), \(humanSize(missing.size))"),
            (
                "root",
                "about \(humanSize(preview.rootEstimate)), \(fraction) % of its slot"
                    + (fraction > 100 ? ": set `image: slot` to more" : "")
            ),
        ]
        let lines = figures.map { [$0.0, $0.1] } + outputs.map { ["output", "\($0.form.rawValue) \($0.path)"] }
        return table + "\n" + Self.aligned(lines)
    }

    /// The same figures in bytes.
    var json: JSONValue {
        let amount = { (amount: (count: Int, size: Int)) in
            JSONValue.object(["count": .integer(amount.count), "size": .integer(amount.size)])
        }
        return .object([
            "layout": .string(preview.layout), "disk": .object(["size": .integer(preview.diskSize)]),
            "partitions": .array(
                preview.partitions.map { partition in
                    .object([
                        "number": .integer(partition.number), "role": .string(partition.role.rawValue),
                        "slot": partition.slot.map { .string($0.rawValue) } ?? .null,
                        "start": .integer(partition.start), "size": .integer(partition.size),
                    ])
                }),
            "packages": amount(preview.packages), "missing": amount(preview.missing),
            "root-estimate": .integer(preview.rootEstimate), "slot": .integer(preview.slotSize),
            "outputs": .array(
                outputs.map { .object(["form": .string($0.form.rawValue), "path": .string($0.path)]) }),
        ])
    }

    /// Columns of equal width; the last is as wide as it is.
    private static func aligned(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n")
    }
}
