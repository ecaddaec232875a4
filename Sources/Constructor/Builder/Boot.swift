import Archive
import BlueprintModel
import BootArtefacts
import Filesystems
import LinuxSystem

/// Makes what boots: the initrd, the unified kernel image and the content of the EFI system partition.
///
/// Everything comes from the staged root, so from locked packages: the kernel, its modules, systemd's stub and boot
/// loader, and Pisces' own init. Nothing is compressed here, because a compressor's output changes with its version.
struct Boot {
    let root: StagedRoot
    let blueprint: Blueprint
    let epoch: Int64
    /// Signs the boot loader and the kernel image; nil leaves them unsigned.
    let signingKey: SigningKey?

    /// Modules that find and mount a verity root on any disk; `?` marks what a kernel may not have. Debian's kernels
    /// have the decompressors of EROFS and squashfs built in.
    private var initrdModules: [String] {
        [
            "virtio_pci?", "virtio_blk?", "virtio_scsi?", "nvme?", "ahci?", "sd_mod?", "usb_storage?", "uas?",
            "xhci_pci?", "mmc_block?", "sdhci_pci?", "sdhci_acpi?",
            "dm_mod", "dm_verity", blueprint.image.root.rawValue, "ext4", "overlay", "efivarfs?",
            // Watchdogs that machines have: systemd arms what is there when it starts, and what hangs before udev has
            // loaded a driver would hang for ever.
            "i6300esb?", "iTCO_wdt?", "sp5100_tco?", "wdat_wdt?",
        ]
    }

    private var suffix: String {
        SystemPartition.suffix(ofArchitecture: blueprint.distribution.architecture.rawValue)
    }

    private var stub: String { "linux\(suffix).efi.stub" }
    private var loader: String { "systemd-boot\(suffix).efi" }

    /// The version of the one kernel in the root.
    func kernelVersion() throws -> String {
        let modules = try? root.directory.openInRoot("usr/lib/modules")
        let versions = try modules?.entries() ?? []
        guard let version = versions.first, versions.count == 1 else {
            throw ConstructorError(
                versions.isEmpty ? "no kernel is installed" : "more than one kernel is installed: \(versions)",
                hint:
                    "name exactly one under `packages`, for example linux-image-\(blueprint.distribution.architecture)")
        }
        return version
    }

    /// Refuses a root that lacks what boots. Once packages are unpacked it can be told.
    func check() throws {
        _ = try kernelVersion()
        _ = try boot(stub)
        _ = try boot(loader)
        _ = try initProgram()
    }

    // MARK: - Initrd

    /// The uncompressed cpio archive: init, the modules in order, nothing else.
    func initrd(kernel version: String) throws -> [UInt8] {
        let base = "usr/lib/modules/\(version)"
        let text = { (name: String) in (try? root.readText("\(base)/\(name)")) ?? "" }
        let modules = try KernelModules(
            dependencies: try root.readText("\(base)/modules.dep"),
            softDependencies: text("modules.softdep"),
            builtin: text("modules.builtin"))
        let order = try modules.loadOrder(for: initrdModules + blueprint.kernel.initrdModules)
        let contents = try parallelMap(count: order.count) { index in
            try module("\(base)/\(order[index])")
        }
        var archive = CpioArchive()
        archive.reserve(contents.reduce(1 << 20) { $0 + $1.count + 512 })
        for directory in ["dev", "modules", "proc", "run", "sys", "sysroot"] { try archive.addDirectory(directory) }
        try archive.addCharacterDevice("dev/console", major: 5, minor: 1)
        try archive.addFile("init", try initProgram(), mode: 0o755)
        var list = ""
        for (path, content) in zip(order, contents) {
            let name = Self.moduleName(path)
            list += "\(name)\n"
            try archive.addFile("modules/\(name)", content)
        }
        try archive.addFile("modules/list", Array(list.utf8))
        return archive.finish()
    }

    private func initProgram() throws -> [UInt8] {
        do throws(SystemError) {
            return try root.read("usr/lib/pisces/pisces-init")
        } catch  where error.isNotFound {
            throw ConstructorError(
                "no package ships /usr/lib/pisces/pisces-init, the initrd's init",
                hint: "add `pisces` under `packages: install`")
        }
    }

    /// A kernel module, decompressed: the init has no decompressor.
    private func module(_ path: String) throws -> [UInt8] {
        let bytes = try root.read(path)
        if path.hasSuffix(".ko") { return bytes }
        return try bytes.withUnsafeBytes { try ArchiveReader.decompress($0, name: path, limit: 256 << 20) }
    }

    /// `kernel/drivers/block/virtio_blk.ko.xz` becomes `virtio_blk.ko`.
    static func moduleName(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let end = name.firstRange(of: ".ko") else { return name }
        return String(name[..<end.upperBound])
    }

    // MARK: - Kernel image

    /// The kernel's command line.
    ///
    /// It names the root by hash only, so the kernel image is the same bits whichever slot it boots.
    func commandLine(rootHash: Digest) -> String {
        // gpt_auto: the init has mounted everything from the disk it booted from.
        (["roothash=\(rootHash.hex)", "ro", "systemd.gpt_auto=0"] + blueprint.kernel.commandLine)
            .joined(separator: " ")
    }

    /// The unified kernel image: systemd's stub with kernel, initrd and command line as sections.
    func kernelImage(commandLine: String) throws -> [UInt8] {
        let version = try kernelVersion()
        let stub = try boot(stub)
        var release = try root.readText("usr/lib/os-release")
        release += "IMAGE_ID=\(blueprint.name)\n"
        let image = try UnifiedKernelImage.assemble(
            stub: stub,
            sections: [
                (".osrel", Array(release.utf8)), (".cmdline", Array(commandLine.utf8)),
                (".uname", Array(version.utf8)), (".linux", try root.read("boot/vmlinuz-\(version)", limit: 256 << 20)),
                (".initrd", try initrd(kernel: version)),
            ])
        return try signed(image, "the kernel image")
    }

    private func signed(_ program: [UInt8], _ name: String) throws -> [UInt8] {
        try signingKey.map { try Authenticode.sign(program, named: name, with: $0) } ?? program
    }

    private func boot(_ name: String) throws -> [UInt8] {
        let base = "usr/lib/systemd/boot/efi"
        // The signed boot loader is the same program with Debian's signature.
        for name in [name, "\(name).signed"] where root.exists("\(base)/\(name)") {
            return try root.read("\(base)/\(name)")
        }
        throw ConstructorError("no package ships /\(base)/\(name)", hint: "install systemd-boot-efi")
    }

    // MARK: - EFI system partition

    /// The tree of the EFI system partition for the first generation.
    func systemPartition(kernelImage: [UInt8], digest: Digest, title: String) throws -> FileTree {
        let generation = ImagePlan.firstGeneration
        let entry = try LoaderEntry(generation: generation, title: title, image: digest)
        let partition = SystemPartition(architecture: blueprint.distribution.architecture.rawValue, entry: entry)
        let loader = try signed(try boot(partition.loaderName), "the boot loader")
        var files = partition.texts.map { ($0.path, Array($0.text.utf8)) }
        files += partition.loaderPaths.map { ($0, loader) } + [(partition.kernelImagePath, kernelImage)]
        var tree = FileTree()
        for (path, content) in files {
            var parent = parentDirectory(of: path)
            while parent != "/" {
                tree[parent] = .directory(modified: epoch)
                parent = parentDirectory(of: parent)
            }
            tree[path] = .file(content, modified: epoch)
        }
        return tree
    }
}
