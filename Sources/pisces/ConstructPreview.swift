import BlueprintModel
import Constructor
import LinuxSystem

/// `pisces construct --dry-run`: what a construction will make, for people and as JSON.
struct ConstructPreview {
    let preview: ConstructionPreview
    let outputs: [Output]

    /// A table of the disk, then a line for each figure.
    var text: String {
        let (all, missing) = (preview.packages, preview.missing)
        var figures = [
            ["packages", "\(all.count), \(humanSize(all.size))"],
            ["to fetch", missing.count == 0 ? "nothing" : "\(missing.count), \(humanSize(missing.size))"],
        ]
        var root = "about \(humanSize(preview.rootEstimate))"
        var table = ""
        if let disk = preview.disk {
            let fraction = preview.rootEstimate * 100 / max(1, disk.slotSize)
            root += ", \(fraction) % of its slot" + (fraction > 100 ? ": set `image: slot` to more" : "")
            figures.insert(["layout", "\(disk.layout), a disk of \(humanSize(disk.size))"], at: 0)
            table = Self.aligned(Self.table(disk)) + "\n"
        }
        figures.append(["root", root])
        return table + Self.aligned(figures + outputs.map { ["output", "\($0.form.rawValue) \($0.path)"] })
    }

    private static func table(_ disk: ConstructionPreview.Disk) -> [[String]] {
        [["", "partition", "slot", "start", "size"]]
            + disk.partitions.map { partition in
                [
                    "\(partition.number)", partition.role.rawValue, partition.slot?.rawValue.uppercased() ?? "-",
                    humanSize(partition.start), humanSize(partition.size),
                ]
            }
    }

    /// The same figures in bytes.
    var json: JSONValue {
        let amount = { (amount: (count: Int, size: Int)) in
            JSONValue.object(["count": .integer(amount.count), "size": .integer(amount.size)])
        }
        return .object([
            "disk": preview.disk.map(json) ?? .null,
            "packages": amount(preview.packages), "missing": amount(preview.missing),
            "root-estimate": .integer(preview.rootEstimate),
            "outputs": .array(
                outputs.map { .object(["form": .string($0.form.rawValue), "path": .string($0.path)]) }),
        ])
    }

    private func json(_ disk: ConstructionPreview.Disk) -> JSONValue {
        .object([
            "layout": .string(disk.layout), "size": .integer(disk.size), "slot": .integer(disk.slotSize),
            "partitions": .array(
                disk.partitions.map { partition in
                    .object([
                        "number": .integer(partition.number), "role": .string(partition.role.rawValue),
                        "slot": partition.slot.map { .string($0.rawValue) } ?? .null,
                        "start": .integer(partition.start), "size": .integer(partition.size),
                    ])
                }),
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
