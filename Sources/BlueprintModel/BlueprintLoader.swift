/// A blueprint with the places where its values were written.
public struct LoadedBlueprint: Sendable {
    /// The whole system, includes merged, defaults filled in.
    public let blueprint: Blueprint
    /// Every file that was read, as it was passed to the reader, in that order: the blueprint first.
    public let files: [String]
    /// The merged document.
    let tree: YAMLNode
}

extension Blueprint {
    /// Reads a blueprint and what it includes.
    ///
    /// Includes are merged in their order, then this file goes over them: mappings merge by key, lists append without
    /// duplicates, anything else is replaced; `without` first removes what the includes brought. The bytes of every
    /// `source` become part of the value.
    ///
    /// - Parameters:
    ///   - path: the blueprint's file, for `read` and for messages.
    ///   - read: gives the bytes of a file; what it throws becomes part of the message where the file is named. Paths
    ///     are `path` and, beside it, the ones that the documents name.
    ///   - store: refers to the file that is the `source` of another where it has more than ``StoredContents/limit``
    ///     bytes, and gives nil where it has less: then it is read. Without this, all are read.
    /// - Throws: every problem of all files, in their order.
    public static func load(
        _ path: String, read: @escaping (String) throws -> [UInt8],
        store: @escaping (String) throws -> LargeSource? = { _ in nil }
    ) throws(DocumentError) -> LoadedBlueprint {
        let loader = BlueprintLoader(path, read, store)
        let start = Mark(file: path, line: 1, column: 1)
        let tree = loader.tree(of: lastName(of: path), namedAt: start, stack: [])
        // What a file that could not be read would have brought is not missing.
        var decoding = loader.decoding(isFragment: !loader.isComplete)
        let blueprint = tree.flatMap { Blueprint.codec.decode($0, &decoding) }
        let problems = (loader.problems + decoding.problems).inOrder(of: loader.files)
        guard problems.isEmpty, let tree, let blueprint else { throw DocumentError(problems) }
        return LoadedBlueprint(blueprint: blueprint, files: loader.files, tree: tree)
    }

    /// Reads the canonical form, or any other JSON document of the same shape that names no files.
    ///
    /// - Parameter file: what messages call the document.
    public init(canonical bytes: [UInt8], file: String) throws(DocumentError) {
        let node = YAMLNode(
            try JSONValue(parsing: bytes, file: file), at: Mark(file: file, line: 1, column: 1))
        self = try Blueprint.codec.decoded(node)
    }

    /// The canonical form: nothing that is a default, sources as their contents, the digest of which identifies the
    /// blueprint. Comments, the order of keys and the division into files do not change it.
    public var canonicalJSON: JSONValue { Self.codec.encode(self) }

    /// ``canonicalJSON`` as bytes.
    public var canonicalBytes: [UInt8] { canonicalJSON.canonicalBytes }
}

extension Codec {
    /// Decodes a document that stands alone.
    func decoded(_ node: YAMLNode) throws(DocumentError) -> Value {
        var decoding = Decoding()
        Secrets.check(node, &decoding)
        if decoding.problems.isEmpty, let value = decode(shape.expanded(node), &decoding), decoding.problems.isEmpty {
            return value
        }
        throw DocumentError(decoding.problems.inOrder())
    }
}

/// Reads the files of one blueprint, each once.
private final class BlueprintLoader {
    /// The directory of the blueprint, with the "/" at its end; empty for the working directory.
    private let directory: String
    private let reader: (String) throws -> [UInt8]
    private let storer: (String) throws -> Blueprint.LargeSource?
    private var contents: [String: Result<[UInt8], Decoding.Unreadable>] = [:]
    private var stored: [String: Result<Blueprint.LargeSource?, Decoding.Unreadable>] = [:]
    private var trees: [String: YAMLNode?] = [:]
    private(set) var files: [String] = []
    private(set) var problems: [Problem] = []
    /// Whether every include could be read.
    private(set) var isComplete = true

    init(
        _ path: String, _ reader: @escaping (String) throws -> [UInt8],
        _ storer: @escaping (String) throws -> Blueprint.LargeSource?
    ) {
        directory = String(decoding: path.utf8.dropLast(lastName(of: path).utf8.count), as: UTF8.self)
        self.reader = reader
        self.storer = storer
    }

    func decoding(isFragment: Bool = false) -> Decoding {
        Decoding(
            isFragment: isFragment,
            read: { (path, mark) throws(Decoding.Unreadable) in try self.read(self.resolve(path, mark)) },
            store: { (path, mark) throws(Decoding.Unreadable) in try self.store(self.resolve(path, mark)) },
            rebase: { path, mark in self.resolve(path, mark) })
    }

    /// A path that a file names, relative to the blueprint's directory.
    private func resolve(_ path: String, _ mark: Mark) -> String {
        let file = mark.file.utf8.dropFirst(directory.utf8.count)
        var names: [String] = []
        for name in (Array(file.dropLast(lastName(of: mark.file).utf8.count)) + path.utf8).split(
            separator: UInt8(ascii: "/"))
        {
            switch String(decoding: name, as: UTF8.self) {
            case ".": break
            case ".." where names.last.map { $0 != ".." } ?? false: names.removeLast()
            case let name: names.append(name)
            }
        }
        return names.isEmpty ? "." : names.joined(separator: "/")
    }

    private func read(_ name: String) throws(Decoding.Unreadable) -> [UInt8] {
        if let known = contents[name] { return try known.get() }
        files.append(directory + name)
        let result: Result<[UInt8], Decoding.Unreadable>
        do {
            result = .success(try reader(directory + name))
        } catch {
            result = .failure(Decoding.Unreadable(reason: "\(error)"))
        }
        contents[name] = result
        return try result.get()
    }

    private func store(_ name: String) throws(Decoding.Unreadable) -> Blueprint.LargeSource? {
        if contents[name] != nil { return nil }
        if let known = stored[name] { return try known.get() }
        let result: Result<Blueprint.LargeSource?, Decoding.Unreadable>
        do {
            result = .success(try storer(directory + name))
            if case .success(_?) = result { files.append(directory + name) }
        } catch {
            result = .failure(Decoding.Unreadable(reason: "\(error)"))
        }
        stored[name] = result
        return try result.get()
    }

    /// The merged tree of a file and its includes; nil where a problem was found that leaves none.
    func tree(of name: String, namedAt mark: Mark, stack: [String]) -> YAMLNode? {
        if stack.contains(name) {
            let chain = (stack.drop { $0 != name } + [name]).joined(separator: " includes ")
            problems.append(Problem(mark, "include: a cycle: \(chain)"))
            isComplete = false
            return nil
        }
        if let known = trees[name] { return known }
        let result: YAMLNode?
        do {
            let node = try YAMLNode(parsing: try read(name), file: directory + name)
            result = merged(Blueprint.codec.shape.expanded(node), stack + [name])
        } catch let error as DocumentError {
            problems += error.problems
            result = nil
        } catch {
            let reason = (error as? Decoding.Unreadable)?.reason ?? "\(error)"
            problems.append(Problem(mark, "\(stack.isEmpty ? "" : "include: ")cannot read \(quoted(name)): \(reason)"))
            result = nil
        }
        trees[name] = result
        isComplete = isComplete && result != nil
        return result
    }

    private func merged(_ node: YAMLNode, _ stack: [String]) -> YAMLNode {
        var own = decoding(isFragment: true)
        Secrets.check(node, &own)
        _ = Blueprint.codec.decode(node, &own)
        var base: YAMLNode?
        for include in node["include"]?.elements ?? [] {
            guard let path = include.text, path.utf8.first != UInt8(ascii: "/") else { continue }
            guard stack.count < 16 else {
                own.report(include.mark, "include: more than 16 levels deep")
                break
            }
            if let tree = tree(of: resolve(path, include.mark), namedAt: include.mark, stack: stack) {
                base = base?.overlaid(with: tree, Blueprint.codec.shape) ?? tree
            }
        }
        if let without = node["without"], isComplete {
            base = Without.apply(without, to: base ?? YAMLNode(.mapping([]), at: node.mark), &own)
        }
        problems += own.problems
        var bare = node
        if let entries = node.entries {
            bare.content = .mapping(entries.filter { !["include", "without"].contains($0.key) })
        }
        return base?.overlaid(with: bare, Blueprint.codec.shape) ?? bare
    }
}

/// The part of a path behind its last "/".
private func lastName(of path: String) -> String {
    let name = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last
    return name.map { String(decoding: $0, as: UTF8.self) } ?? ""
}
