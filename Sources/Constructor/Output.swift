internal import Disk
internal import Glibc
internal import LinuxSystem

/// A thing that a construction makes, and where it goes.
public struct Output: Sendable, Equatable {
    /// What kinds of things there are.
    public enum Form: String, Sendable, CaseIterable {
        /// A disk image, sparse.
        case raw
        /// A disk image for QEMU, without the disk's zeros.
        case qcow2
        /// A directory with what an updater writes into a slot, each in a file.
        case split
        /// The same in one file, an uncompressed tar archive that is read as it comes.
        case splitArchive = "split-archive"
        /// The plain tree as a pax archive.
        case tar
        /// The plain tree as files.
        case directory
        /// The plain tree as an OCI image: a directory in the image layout.
        case oci
        /// The same in one file.
        case ociArchive = "oci-archive"

        /// Whether it comes from a bootable disk; else it is the plain tree, which needs no kernel.
        public var isDisk: Bool {
            switch self {
            case .raw, .qcow2, .split, .splitArchive: true
            case .tar, .directory, .oci, .ociArchive: false
            }
        }

        /// What a directory of this form holds that no other does; nil where the form is one file.
        var mark: String? {
            switch self {
            case .raw, .qcow2, .splitArchive, .tar, .ociArchive: nil
            case .split: SplitFiles.sums
            case .directory: blueprintInTree
            case .oci: "oci-layout"
            }
        }

        /// How a path of this form ends.
        var ending: String {
            switch self {
            case .splitArchive: ".split.tar"
            case .ociArchive: ".oci.tar"
            default: ".\(rawValue)"
            }
        }
    }

    /// What is made.
    public var form: Form
    /// Its path, without a slash at the end.
    public var path: String

    /// An output from its parts.
    public init(_ form: Form, path: String) {
        self.form = form
        self.path = path
        while self.path.utf8.count > 1, self.path.utf8.last == UInt8(ascii: "/") { self.path.removeLast() }
    }

    /// Reads `FORM:PATH`, or `PATH` alone, whose ending then tells the form.
    ///
    /// - Throws: ``ConstructorError`` where no form is told.
    public init(argument: String) throws(ConstructorError) {
        for form in Form.allCases where argument.hasPrefix("\(form.rawValue):") {
            self.init(form, path: String(argument.dropFirst(form.rawValue.utf8.count + 1)))
            return
        }
        // Of two endings, the longer one says more.
        let told = Form.allCases.filter { argument.hasSuffix($0.ending) }
        guard let form = told.max(by: { $0.ending.utf8.count < $1.ending.utf8.count }) else {
            let forms = Form.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConstructorError(
                "output \(argument): neither its name nor a prefix tells what to make",
                hint: "write FORM:PATH, where FORM is one of \(forms)")
        }
        self.init(form, path: argument)
    }

    /// The path of the manifest beside a disk image: `minimal.raw` has `minimal.manifest.json`. nil where there is none.
    public var manifestPath: String? { companionPath("manifest.json") }

    /// The path of the manifest's signatures.
    public var signaturesPath: String? { companionPath(SplitName.signatures) }

    /// The path of a file beside a disk image: for `spdx.json`, `minimal.raw` has `minimal.spdx.json`. nil where the form
    /// is no image in one file.
    func companionPath(_ name: String) -> String? {
        guard form == .raw || form == .qcow2 else { return nil }
        return (path.hasSuffix(form.ending) ? String(path.dropLast(form.ending.utf8.count)) : path) + ".\(name)"
    }
}

// MARK: - Checks

extension Output {
    /// Refuses outputs of which one would overwrite another or something else, and places that cannot be written.
    static func check(_ outputs: [Output]) throws(ConstructorError) {
        var places: [(path: String, output: Output)] = []
        for output in outputs {
            let place = try output.place()
            for (other, owner) in places where other == place || isBelow(other, place) || isBelow(place, other) {
                throw ConstructorError(
                    "the outputs \(owner.path) and \(output.path) are in each other's place",
                    hint: "give them other names")
            }
            places.append((place, output))
        }
        for output in outputs {
            guard let manifest = output.manifestPath else { continue }
            let place = try Output(output.form, path: manifest).place()
            guard let owner = places.first(where: { $0.path == place })?.output else { continue }
            throw ConstructorError(
                "the output \(owner.path) is where the manifest of \(output.path) goes", hint: "give it another name")
        }
    }

    /// The absolute path without symlinks; what is there can be replaced.
    private func place() throws(ConstructorError) -> String {
        let name = baseName(of: path)
        guard !name.isEmpty, name != ".", name != ".." else {
            throw ConstructorError("the output \(form.rawValue):\(path) has no name", hint: "write FORM:PATH")
        }
        do throws(SystemError) {
            _ = try AtomicFile.create(path)
            try refuseForeign()
            guard let folder = realpath(parentDirectory(of: path), nil) else {
                throw SystemError(call: "realpath", subject: path, code: errno)
            }
            defer { free(folder) }
            let text = String(cString: folder)
            return text == "/" ? "/\(name)" : "\(text)/\(name)"
        } catch {
            throw ConstructorError(
                "the output cannot be written: \(error)",
                hint: "choose another place with --output, or make its folder")
        }
    }

    /// A file is replaced by a file, a directory by a directory, and only if it is empty or of the same form.
    private func refuseForeign() throws(SystemError) {
        var status = stat()
        if lstat(path, &status) != 0 { return }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        guard let mark = form.mark else {
            if isDirectory { throw SystemError(call: "rename", subject: path, code: EISDIR) }
            return
        }
        if !isDirectory { throw SystemError(call: "rename", subject: path, code: ENOTDIR) }
        if lstat("\(path)/\(mark)", &status) == 0 { return }
        if try Descriptor.directory(path).entries().isEmpty { return }
        throw SystemError(call: "rename", subject: "\(path) holds something else", code: ENOTEMPTY)
    }

    private static func isBelow(_ directory: String, _ path: String) -> Bool {
        path.utf8.starts(with: directory.utf8) && path.utf8.dropFirst(directory.utf8.count).first == UInt8(ascii: "/")
    }
}
