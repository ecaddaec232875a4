import BootArtefacts
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

@Suite struct KernelModulesTests: ~Copyable {
    let directory: TemporaryDirectory
    static let version = "6.1-test"

    init() throws { directory = try TemporaryDirectory() }

    static let dependencies = """
        lib/crc16.ko.xz:
        lib/libcrc32c.ko.xz: crypto/crypto.ko.xz
        crypto/crypto.ko.xz:
        crypto/crc32c-intel.ko.xz: crypto/crypto.ko.xz
        fs/mbcache.ko.xz:
        fs/jbd2/jbd2.ko.xz: crypto/crypto.ko.xz
        fs/ext4.ko.xz: lib/crc16.ko.xz fs/mbcache.ko.xz fs/jbd2/jbd2.ko.xz crypto/crypto.ko.xz
        kernel/virtio/virtio.ko.xz:
        kernel/virtio/virtio_ring.ko.xz: kernel/virtio/virtio.ko.xz
        kernel/virtio/virtio-pci.ko.xz: kernel/virtio/virtio_ring.ko.xz kernel/virtio/virtio.ko.xz
        kernel/virtio/virtio_blk.ko.xz: kernel/virtio/virtio_ring.ko.xz kernel/virtio/virtio.ko.xz

        """
    static let soft = """
        # Soft dependencies extracted from modules themselves.
        softdep ext4 pre: crc32c-intel post: virtio_blk
        softdep libcrc32c pre: nothing-here
        softdep virtio_blk post: virtio-pci

        """
    static let builtin = "kernel/drivers/nvme/nvme-core.ko\nkernel/drivers/block/loop.ko\n"

    private func sample() throws -> KernelModules {
        try KernelModules(dependencies: Self.dependencies, softDependencies: Self.soft, builtin: Self.builtin)
    }

    @Test func whatIsNeededComesFirst() throws {
        #expect(
            try sample().loadOrder(for: ["virtio_pci", "virtio-blk"]) == [
                "kernel/virtio/virtio.ko.xz", "kernel/virtio/virtio_ring.ko.xz",
                "kernel/virtio/virtio-pci.ko.xz", "kernel/virtio/virtio_blk.ko.xz",
            ])
    }

    @Test func builtinAndOptionalModulesMayBeMissing() throws {
        let paths = try sample().loadOrder(for: ["nvme_core", "loop", "ahci?", "crc16?", "crc16"])
        #expect(paths == ["lib/crc16.ko.xz"])
    }

    @Test func everyMissingModuleIsNamed() throws {
        let modules = try sample()
        #expect { try modules.loadOrder(for: ["ahci", "virtio_blk", "xhci-hcd"]) } throws: {
            "\($0)".contains("ahci") && "\($0)".contains("xhci-hcd") && !"\($0)".contains("virtio_blk")
        }
    }

    /// A kernel tree of empty modules, indexed by depmod(8): what each needs, before it and after it.
    private func makeTree(_ modules: [(name: String, needs: [String], before: [String], after: [String])]) throws
        -> String
    {
        let base = "\(directory.path)/lib/modules/\(Self.version)"
        try makeDirectories(base + "/kernel")
        for (name, needs, before, after) in modules {
            let symbol = { (module: String) in module.split(separator: "-").joined(separator: "_") + "_symbol" }
            let soft =
                (before.isEmpty ? "" : "pre: \(before.joined(separator: " ")) ")
                + (after.isEmpty ? "" : "post: \(after.joined(separator: " "))")
            var lines = needs.map { "extern int \(symbol($0));\nint *use_\(symbol($0)) = &\(symbol($0));" }
            lines.append("char names[] __attribute__((section(\"__ksymtab_strings\"))) = \"\(symbol(name))\";")
            lines.append("int \(symbol(name));")
            if !soft.isEmpty {
                lines.append("char soft[] __attribute__((section(\".modinfo\"))) = \"softdep=\(soft)\";")
            }
            try AtomicFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: "\(base)/kernel/\(name).c")
        }
        try AtomicFile.write(Array("kernel/built-in.ko\n".utf8), to: base + "/modules.builtin")
        try AtomicFile.write([], to: base + "/modules.order")
        let made = try shell(
            "cd \(base)/kernel && gcc -c *.c && for f in *.o; do mv $f ${f%.o}.ko; done"
                + " && depmod -b \(directory.path) \(Self.version)")
        #expect(made.status == 0, "\(made.output)")
        return base
    }

    /// The order of modprobe(8), paths relative to `base`. It lists a file again for each module that needs it: the
    /// first time counts.
    private func modprobeOrder(_ base: String, _ name: String) throws -> [String] {
        let shown = try shell("modprobe -d \(directory.path) -C /dev/null -S \(Self.version) --show-depends \(name)")
        #expect(shown.status == 0, "\(shown.output)")
        var paths: [String] = []
        for words in shown.output.split(separator: "\n").map({ $0.split(separator: " ") }) where words.first == "insmod"
        {
            let path = String((words.last ?? "").dropFirst(base.utf8.count + 1))
            if !paths.contains(path) { paths.append(path) }
        }
        return paths
    }

    private func load(_ base: String) throws -> KernelModules {
        let text = { (name: String) in
            String(decoding: try Descriptor.open("\(base)/\(name)").readToEnd(), as: UTF8.self)
        }
        return try KernelModules(
            dependencies: text("modules.dep"), softDependencies: text("modules.softdep"),
            builtin: text("modules.builtin"))
    }

    @Test(arguments: [1, 2, 3]) func modprobeHasTheSameOrder(_ seed: Int) throws {
        var generator = SeededGenerator(state: UInt64(seed))
        // A module needs only earlier ones, as no kernel has a circle.
        let names = (0..<16).map { "\(["a", "b-x", "c_y"][$0 % 3])\($0)" }.shuffled(using: &generator)
        let modules = names.enumerated().map { index, name in
            let earlier = names[..<index].shuffled(using: &generator)
            let needs = Array(earlier.prefix(Int.random(in: 0...3, using: &generator)))
            let isSoft = Int.random(in: 0..<4, using: &generator) == 0
            return (
                name: name, needs: needs, before: isSoft ? Array(earlier.suffix(1)) + ["missing", "built-in"] : [],
                after: isSoft ? Array(earlier.dropLast(1).suffix(1)) : []
            )
        }
        let base = try makeTree(modules)
        let ours = try load(base)
        for name in names {
            let wanted = try modprobeOrder(base, name)
            let seen = try ours.loadOrder(for: [name])
            #expect(seen == wanted, "\(name)")
        }
        #expect(try ours.loadOrder(for: ["built_in"]) == [])
        // All together: each once, what is needed first.
        let all = try ours.loadOrder(for: names)
        #expect(Set(all).count == names.count && all.count == names.count)
        for module in modules {
            let place = { (name: String) in all.firstIndex(of: "kernel/\(name).ko") ?? -1 }
            for other in module.needs { #expect(place(other) < place(module.name)) }
        }
    }

    @Test(arguments: [
        "kernel/a.ko", "kernel/a.txt: ", ": kernel/a.ko", "kernel/a.ko: kernel/b", "kernel/.ko:",
    ])
    func brokenDependencyFileIsRefused(_ text: String) {
        #expect { try KernelModules(dependencies: "kernel/ok.ko:\n\(text)\n") } throws: { "\($0)".contains("line 2") }
    }

    @Test(arguments: ["alias a b", "softdep"])
    func brokenSoftDependencyFileIsRefused(_ text: String) {
        #expect { try KernelModules(dependencies: "", softDependencies: "\n\(text)\n") } throws: {
            "\($0)".contains("line 2")
        }
    }

    @Test func circleAndUnlistedDependencyAreErrors() throws {
        let circle = try KernelModules(dependencies: "k/a.ko: k/b.ko\nk/b.ko: k/a.ko\n")
        #expect { try circle.loadOrder(for: ["a"]) } throws: { "\($0)".contains("need each other") }
        let unlisted = try KernelModules(dependencies: "k/a.ko: k/b.ko\n")
        #expect { try unlisted.loadOrder(for: ["a"]) } throws: { "\($0)".contains("not listed") }
        // Each soft dependency of the other: the one that was asked for comes last.
        let soft = try KernelModules(
            dependencies: "k/a.ko:\nk/b.ko:\n", softDependencies: "softdep a pre: b\nsoftdep b pre: a\n")
        #expect(try soft.loadOrder(for: ["a"]) == ["k/b.ko", "k/a.ko"])
    }

    @Test func endlessChainIsRefused() throws {
        let chain = (0..<5000).map { "k/m\($0).ko: k/m\($0 + 1).ko\n" }.joined()
        let modules = try KernelModules(dependencies: chain)
        #expect(throws: BootArtefactError.self) { try modules.loadOrder(for: ["m0"]) }
    }
}
