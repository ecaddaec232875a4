import BootArtefacts
import LinuxSystem

@testable import VirtualMachine

extension FuzzTarget {
    /// What a machine boots from, and what QEMU answers.
    static let bootFiles = [executable, modules, archive, entryName, entry, monitor, qemuVersion]

    private struct Refused: Error {}

    /// A 64-bit PE file of one section.
    private static var stub: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x400)
        bytes.overwrite("MZ".utf8, at: 0)
        bytes.overwrite(little(0x40, 4), at: 0x3C)
        bytes.overwrite("PE\0\0".utf8, at: 0x40)
        // COFF header: machine, sections, size of the optional header.
        bytes.overwrite(little(0x8664, 2) + little(1, 2), at: 0x44)
        bytes.overwrite(little(112, 2), at: 0x54)
        // Optional header: magic, alignments, size of image and headers.
        bytes.overwrite(little(0x20B, 2), at: 0x58)
        bytes.overwrite(little(0x1000, 4) + little(0x200, 4), at: 0x58 + 32)
        bytes.overwrite(little(0x2000, 4) + little(0x200, 4), at: 0x58 + 56)
        bytes.overwrite(Array(".text\0\0\0".utf8) + [5, 0x1000, 0x200, 0x200].flatMap { little($0, 4) }, at: 0xC8)
        return bytes
    }

    private static let executable = FuzzTarget(
        "pe", words: ["MZ", "PE\u{0}\u{0}", ".linux", ".initrd"], seeds: { [stub] },
        read: { input in
            let before = try UnifiedKernelImage.sections(of: input)
            let added: [UnifiedKernelImage.Section] = [
                (".linux", [1, 2, 3]), (".cmdline", [UInt8](repeating: 4, count: 600)),
            ]
            let image = try UnifiedKernelImage.assemble(stub: input, sections: added)
            try expectSame("the sections are those of the stub and the added ones", (before + added).map(\.name)) {
                try UnifiedKernelImage.sections(of: image).map(\.name)
            }
            try expectSame("the sections hold what they held", (before + added).map(\.content)) {
                try UnifiedKernelImage.sections(of: image).map(\.content)
            }
        })

    private static let modules = FuzzTarget(
        "modules", words: ["kernel/a.ko:", ".ko.xz", "softdep ", "pre: ", "post: ", "a", "b"],
        seeds: {
            [
                joined(
                    "kernel/a.ko.xz: kernel/b.ko.xz kernel/c.ko.xz\nkernel/b.ko.xz: kernel/c.ko.xz\nkernel/c.ko.xz:\n",
                    "softdep a pre: b post: d\n", "kernel/d.ko\n")
            ]
        },
        read: { input in
            let texts = parts(input, 3).map(text)
            let modules = try KernelModules(dependencies: texts[0], softDependencies: texts[1], builtin: texts[2])
            let order = try modules.loadOrder(for: ["a", "b?", "c?", "d?"])
            guard Set(order).count == order.count else { throw BrokenLaw("each module is loaded once") }
        })

    /// Each line is a directory (`d`), file (`f`) or link (`l`) and its path.
    private static let archive = FuzzTarget(
        "cpio", words: ["d usr\n", "f usr/a\n", "l usr/b\n", "TRAILER!!!", "../", "/"],
        seeds: { [Array("d usr\nf usr/a\nl usr/b\n".utf8)] },
        read: { input in
            var archive = CpioArchive()
            for line in input.split(separator: 0x0A) {
                let path = text(Array(line.dropFirst(2)))
                switch line.first {
                case UInt8(ascii: "d"): try archive.addDirectory(path)
                case UInt8(ascii: "f"): try archive.addFile(path, Array(line))
                default: try archive.addSymlink(path, target: path)
                }
            }
            guard archive.finish().count % 512 == 0 else { throw BrokenLaw("an archive is whole blocks") }
        })

    private static let entryName = FuzzTarget(
        "entry-name", words: ["pisces-", "+", "-", ".conf", "18446744073709551615", "9223372036854775807", "00"],
        seeds: { ["pisces-7.conf", "pisces-7+3.conf", "pisces-7+2-1.conf"].map { Array($0.utf8) } },
        read: { input in
            guard let name = LoaderEntryName(text(input)) else { throw Refused() }
            try expectSame("the name of an entry reads back", name) {
                try LoaderEntryName(name.description) ?? { throw Refused() }()
            }
        })

    private static let entry = FuzzTarget(
        "entry", words: ["title ", "version ", "sort-key pisces\n", "linux /EFI/pisces/", ".efi"],
        seeds: {
            [Array(try LoaderEntry(generation: 7, title: "node (generation 7)", image: SHA256.hash([])).text.utf8)]
        },
        read: { input in
            let entry = try LoaderEntry(parsing: text(input))
            try expectSame("an entry reads back", entry) { try LoaderEntry(parsing: entry.text) }
        })

    private static let monitor = FuzzTarget(
        "qmp", words: ["\"QMP\":", "\"return\":", "\"error\":", "\"desc\":", "{}", "\\u0000"],
        seeds: {
            [
                #"{"QMP": {"version": {"qemu": {"micro": 0}}, "capabilities": ["oob"]}}"#, #"{"return": {}}"#,
                #"{"error": {"class": "GenericError", "desc": "no \"such\" thing"}}"#,
            ].map { Array($0.utf8) }
        },
        read: { input in
            let object = JSONObject(input)
            let known = ["QMP", "return", "error", "event"].compactMap(object.value)
            guard let first = known.first else { throw Refused() }
            _ = JSONObject(first).value("desc")
        })

    private static let qemuVersion = FuzzTarget(
        "qemu-version", words: ["version ", ".", "-1", "9223372036854775808"],
        seeds: { [Array("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-1)\n".utf8)] },
        read: { input in try QemuVersion.check(output: text(input)) })
}
