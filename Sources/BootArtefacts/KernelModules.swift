/// The kernel's modules and what each needs, from the files that depmod(8) writes to `/lib/modules/VERSION`.
public struct KernelModules: Sendable {
    private struct Module {
        let path: String
        /// In the order of insertion.
        let dependencies: [String]
    }

    /// By name with `_`, as the other two.
    private var modules: [String: Module] = [:]
    private var soft: [String: (before: [String], after: [String])] = [:]
    private var builtin: Set<String> = []

    /// Parses the texts of `modules.dep`, `modules.softdep` and `modules.builtin`.
    /// - Throws: ``BootArtefactError`` with file and line.
    public init(
        dependencies: String, softDependencies: String = "", builtin: String = ""
    ) throws(BootArtefactError) {
        for path in Self.lines(builtin).map(\.text) {
            self.builtin.insert(try Self.name(ofFile: path, "modules.builtin"))
        }
        for (number, line) in Self.lines(dependencies) {
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else {
                throw BootArtefactError("modules.dep", "line \(number): no colon in \"\(line)\"")
            }
            let path = String(line[..<colon])
            var names: [String] = []
            // The last one of the line is needed first.
            for word in Self.words(line[line.utf8.index(after: colon)...]).reversed() {
                names.append(try Self.name(ofFile: word, "modules.dep line \(number)"))
            }
            modules[try Self.name(ofFile: path, "modules.dep line \(number)")] = Module(path: path, dependencies: names)
        }
        for (number, line) in Self.lines(softDependencies) { try addSoftDependencies(line, number) }
    }

    /// The files to insert, in order, each once, for the modules of these names and all they need.
    ///
    /// Paths are as in `modules.dep`: relative to `/lib/modules/VERSION`, with their suffix (`.ko`, `.ko.xz`).
    /// `-` and `_` are the same; a name that ends in `?` may be missing; what is built into the kernel is left out,
    /// and so is a soft dependency that is missing, as modprobe(8) does.
    /// - Throws: ``BootArtefactError`` that names what is missing, or a circle.
    public func loadOrder(for names: [String]) throws(BootArtefactError) -> [String] {
        var missing: [String] = []
        var placement = Placement()
        for name in names {
            let isOptional = name.hasSuffix("?")
            let wanted = Self.canonical(isOptional ? String(name.dropLast()) : name)
            if modules[wanted] != nil {
                try place(wanted, &placement, depth: 0)
            } else if !isOptional && !builtin.contains(wanted) {
                missing.append(name)
            }
        }
        guard missing.isEmpty else {
            throw BootArtefactError(
                "kernel modules", "this kernel has no \(missing.joined(separator: ", ")), as module or built in")
        }
        return placement.paths
    }
}

// MARK: - Order

extension KernelModules {
    private struct Placement {
        var begun: Set<String> = []
        var done: Set<String> = []
        var paths: [String] = []
    }

    /// Deepest chain of dependencies that is followed; the kernel's own are below 20.
    private static let depthLimit = 200

    /// Places a module behind all it needs.
    private func place(_ name: String, _ placement: inout Placement, depth: Int) throws(BootArtefactError) {
        guard let module = modules[name], placement.begun.insert(name).inserted else { return }
        guard depth < Self.depthLimit else {
            throw BootArtefactError("modules.dep", "dependencies of \(name) are deeper than \(Self.depthLimit)")
        }
        for dependency in module.dependencies {
            guard modules[dependency] != nil else {
                throw BootArtefactError("modules.dep", "\(name) needs \(dependency), which is not listed")
            }
            try place(dependency, &placement, depth: depth + 1)
            guard placement.done.contains(dependency) else {
                throw BootArtefactError("modules.dep", "\(name) and \(dependency) need each other")
            }
        }
        for other in soft[name]?.before ?? [] { try place(other, &placement, depth: depth + 1) }
        placement.paths.append(module.path)
        placement.done.insert(name)
        for other in soft[name]?.after ?? [] { try place(other, &placement, depth: depth + 1) }
    }
}

// MARK: - Parsing

extension KernelModules {
    /// `softdep NAME pre: A B post: C` (man 5 modprobe.d).
    private mutating func addSoftDependencies(_ line: String, _ number: Int) throws(BootArtefactError) {
        let words = Self.words(line[...])
        guard words.count >= 2, words[0] == "softdep" else {
            throw BootArtefactError("modules.softdep", "line \(number): no soft dependency in \"\(line)\"")
        }
        var isAfter: Bool?
        for word in words.dropFirst(2) {
            switch (word, isAfter) {
            case ("pre:", _): isAfter = false
            case ("post:", _): isAfter = true
            case (_, false?): soft[Self.canonical(words[1]), default: ([], [])].before.append(Self.canonical(word))
            case (_, true?): soft[Self.canonical(words[1]), default: ([], [])].after.append(Self.canonical(word))
            // Real modules have such words (cifs: "softdep cifs gcm"); libkmod passes over them, too.
            case (_, nil): continue
            }
        }
    }

    /// Lines that say something, with their numbers from 1.
    private static func lines(_ text: String) -> [(number: Int, text: String)] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated().compactMap {
            index, line in
            let text = String(decoding: line, as: UTF8.self)
            return line.isEmpty || text.hasPrefix("#") ? nil : (index + 1, text)
        }
    }

    private static func words(_ text: Substring) -> [String] {
        text.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The name of the module in a file: `kernel/drivers/ata/libahci.ko.xz` is `libahci`.
    private static func name(ofFile path: String, _ place: String) throws(BootArtefactError) -> String {
        let file =
            path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? path.utf8[...]
        let parts = file.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count >= 2, !parts[0].isEmpty, parts[1].elementsEqual("ko".utf8) else {
            throw BootArtefactError(place, "\"\(path)\" is no module file")
        }
        return canonical(String(decoding: parts[0], as: UTF8.self))
    }

    private static func canonical(_ name: String) -> String {
        String(decoding: name.utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
    }
}
