internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads the command line, modules-load.d(5) and sysctl.d(5).
    mutating func readKernel(into blueprint: inout Blueprint) throws {
        blueprint.kernel.commandLine = commandLine()
        blueprint.kernel.modules = modules()
        blueprint.kernel.initrdModules = moduleNames(in: "/etc/initramfs-tools/modules")
        blueprint.kernel.sysctl = sysctl()
        try explain(blueprint.kernel.registers)
    }

    // MARK: - Command line

    /// What boot loaders and Pisces itself add, and what names the disk of one machine.
    private static let ofTheBoot = [
        "BOOT_IMAGE", "initrd", "root", "rootflags", "rootfstype", "roothash", "ro", "rw", "resume", "systemd.gpt_auto",
        "systemd.machine_id", "init", "rdinit",
    ]

    private mutating func commandLine() -> [String] {
        let kind = "kernel"
        var found: [String] = []
        let words = commandLineWords()
        if words.contains("--") { leaveOut(kind, "command-line: --", "what is behind it is for another init") }
        for word in words.prefix(while: { $0 != "--" }) {
            let key = String(decoding: word.utf8.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            if Self.ofTheBoot.contains(key) { continue }
            if !TextForm.kernelWord.allows(word) {
                leaveOut(kind, "command-line: \(key)", "it has quotes, or holds a secret")
            } else if !found.contains(word) {
                found.append(word)
            }
        }
        return found
    }

    /// That of the image or of the running kernel, else what the next one would get.
    private mutating func commandLineWords() -> [String] {
        if let knownCommandLine { return words(of: knownCommandLine) }
        if isRunning { return lines(of: "/proc/cmdline", "kernel").flatMap { words(of: $0.text) } }
        let written = lines(of: "/etc/kernel/cmdline", "kernel").compactMap(\.content).flatMap(words(of:))
        if !written.isEmpty { return written }
        let grub = lines(of: "/etc/default/grub", "kernel").compactMap { $0.content.flatMap(assignment) }
        return ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"].flatMap { name in
            words(of: unquoted(grub.last { $0.key == name }?.value ?? ""))
        }
    }

    // MARK: - Modules

    private mutating func modules() -> [String] {
        let folder = "/etc/modules-load.d"
        let files = names(in: folder, "kernel").filter { $0.hasSuffix(".conf") }.map { "\(folder)/\($0)" }
            .filter { !conffiles.contains($0) }
        var modules: [String] = []
        for path in files {
            // Debian leads one of them to /etc/modules, where people still write.
            let names = moduleNames(in: path)
            if names.isEmpty { continue }
            modules += names
            if (try? root.linkTarget(path)) == nil { explain(path) }
        }
        return modules.unique
    }

    private mutating func moduleNames(in path: String) -> [String] {
        lines(of: path, "kernel").compactMap { line -> String? in
            guard let text = line.content, text.utf8.first != UInt8(ascii: ";") else { return nil }
            // modules-load.d(5) takes names; /etc/modules had options behind them.
            if TextForm.module.allows(text) { return text }
            leaveOut("kernel", "\(path):\(line.number)", "it is not the name of a module")
            return nil
        }.unique
    }

    // MARK: - Parameters

    /// The parameters of all files of the administrator's; a file with lines of another form stays a file.
    private mutating func sysctl() -> [String: String] {
        let folder = "/etc/sysctl.d"
        let files = names(in: folder, "kernel").filter { $0.hasSuffix(".conf") }.map { "\(folder)/\($0)" }
            .filter { !conffiles.contains($0) }
        var all: [String: String] = [:]
        for path in files + ["/etc/sysctl.conf"] where !conffiles.contains(path) {
            // A link leads to a file that is read by its own name, or belongs to a package.
            guard (try? root.linkTarget(path)) == nil, let own = parameters(in: path), !own.isEmpty else { continue }
            // The last file wins, as it does at boot.
            all.merge(own) { $1 }
            explain(path)
        }
        return all
    }

    private mutating func parameters(in path: String) -> [String: String]? {
        var parameters: [String: String] = [:]
        for line in lines(of: path, "kernel") {
            guard let text = line.content, text.utf8.first != UInt8(ascii: ";") else { continue }
            guard let (key, value) = assignment(text), TextForm.sysctl.allows(key), TextForm.sysctlValue.allows(value)
            else {
                leaveOut(
                    "kernel", "\(path):\(line.number)", "it is not of the form NAME = VALUE: the file stays a file")
                return nil
            }
            parameters[key] = value
        }
        return parameters
    }
}
