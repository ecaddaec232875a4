/// A size for people: `17 bytes`, `1.4 MiB`, `12 GiB`.
public func humanSize(_ bytes: some BinaryInteger) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    if bytes < 1024 { return "\(bytes) bytes" }
    var tenths = Int(clamping: bytes) / 1024 * 10 + Int(clamping: bytes) % 1024 * 10 / 1024
    var unit = 0
    while tenths >= 10240, unit < units.count - 1 {
        tenths /= 1024
        unit += 1
    }
    let fraction = tenths < 100 && tenths % 10 != 0 ? ".\(tenths % 10)" : ""
    return "\(tenths / 10)\(fraction) \(units[unit])"
}
