/// The smallest 64-bit PE file that sections can be added to.
public var emptyProgram: [UInt8] {
    var file = [UInt8](repeating: 0, count: 0x600)
    func put(_ offset: Int, _ bytes: [UInt8]) { file.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
    put(0, Array("MZ".utf8))
    put(0x3C, [0x40])
    put(0x40, Array("PE\0\0".utf8) + [0x64, 0x86, 1, 0])
    put(0x54, [240, 0])
    let optional = 0x58
    put(optional, [0x0B, 0x02])
    put(optional + 32, [0, 0x10, 0, 0, 0, 2, 0, 0])
    put(optional + 56, [0, 0x20, 0, 0, 0, 4, 0, 0])
    put(optional + 108, [16])
    put(optional + 240, Array(".text\0\0\0".utf8) + [16, 0, 0, 0, 0, 0x10, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0])
    return file
}
