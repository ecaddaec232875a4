internal import LinuxSystem

/// A directory of package files as a repository that apt can read.
///
/// apt trusts it without a signature: the digests in its list were taken from the files themselves.
struct DirectoryRepository {
    let name: String
    let source: AptRoot.Source

    /// Writes a package list for each directory below `state`.
    static func index(
        _ directories: [PlanRequest.Directory], below state: String, run: ToolRunner
    ) throws(PlanError) -> [DirectoryRepository] {
        let base = "\(state)/directories"
        do throws(SystemError) { try removeTree(base) } catch {
            throw PlanError(.tool, "\(error)", remedy: "Check that \(state) can be written.")
        }
        var repositories: [DirectoryRepository] = []
        for directory in directories {
            let list = try packageList(directory, run)
            repositories.append(
                try make(directory.name, list, title: "the directory '\(directory.name)'", below: state))
        }
        return repositories
    }

    /// A repository of single files that were locked before, each with the digest of the lock.
    static func index(
        _ kept: [PlanRequest.Kept], below state: String, run: ToolRunner
    ) throws(PlanError) -> DirectoryRepository {
        do {
            let list = try kept.map { kept in
                var stanza = try stanza(kept.file ?? "", kept.package.filename, run)
                guard stanza["SHA256"] == kept.package.digest.hex else {
                    throw PlanError(
                        .request,
                        "\(kept.file ?? "") is damaged: it is not \(kept.package.name) \(kept.package.version)",
                        remedy: "Remove the file; it is fetched again where a repository has it.")
                }
                // The archive has the last word on a package's priority, not the package.
                stanza["Priority"] = kept.package.priority
                return stanza
            }
            return try make("/", Deb822.write(list), title: "the store", below: state)
        } catch let error as PlanError {
            throw error
        } catch {
            throw PlanError(.tool, "a locked package cannot be read: \(error)", remedy: "Remove it from the store.")
        }
    }

    private static func make(
        _ name: String, _ text: String, title: String, below state: String
    ) throws(PlanError) -> DirectoryRepository {
        let list = Array(text.utf8)
        // apt takes a list of the same name, size and time for the same list: so other content has another name.
        let path = "\(state)/directories/\(SHA256.hash(Array(name.utf8) + [0] + list).hex.prefix(16))"
        do throws(SystemError) {
            try makeDirectories(path)
            try AtomicFile.write(list, to: path + "/Packages")
        } catch {
            throw PlanError(.tool, "\(error)", remedy: "Check that \(state) can be written.")
        }
        return DirectoryRepository(
            name: name,
            source: AptRoot.Source(
                name: title, uri: "file:\(percentEncoded(path))/", suites: ["./"], components: [], keyring: nil))
    }

    private static func packageList(_ directory: PlanRequest.Directory, _ run: ToolRunner) throws(PlanError) -> String {
        do {
            let files = try Descriptor.directory(directory.path).entries().filter { $0.hasSuffix(".deb") }
            if files.isEmpty {
                throw PlanError(
                    .request, "the directory '\(directory.name)' (\(directory.path)) has no file that ends in .deb",
                    remedy: "Put the packages there, or remove the directory from the blueprint.")
            }
            return Deb822.write(try files.map { try stanza("\(directory.path)/\($0)", $0, run) })
        } catch let error as PlanError {
            throw error
        } catch {
            throw PlanError(
                .request, "the directory '\(directory.name)' cannot be read: \(error)", remedy: "Correct its path.")
        }
    }

    private static func stanza(_ path: String, _ file: String, _ run: ToolRunner) throws -> Deb822.Stanza {
        let control = try ToolOutput(["dpkg-deb", "-f", path], networkEnvironment, run)
        guard control.status == 0 else {
            throw PlanError(
                .request, "\(path) is not a package: \(control.errors.joined(separator: " "))",
                remedy: "Remove the file or build it again.")
        }
        var stanza = try Deb822.parseOne(Array(control.output.joined(separator: "\n").utf8), file: "\(path): control")
        for name in ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512"] { stanza[name] = nil }
        let descriptor = try Descriptor.open(path)
        stanza["Filename"] = "./\(file)"
        stanza["Size"] = "\(try descriptor.status().size)"
        stanza["SHA256"] = try SHA256.hash(descriptor).hex
        return stanza
    }

    private static func percentEncoded(_ path: String) -> String {
        String(
            decoding: path.utf8.flatMap { byte -> [UInt8] in
                if isDigit(byte) || isLetter(byte) || "/.-_~".utf8.contains(byte) { return [byte] }
                return Array("%\([byte].hex)".utf8)
            }, as: UTF8.self)
    }
}
