/// The name of a container image, as `registry/repository[:tag][@sha256:digest]`.
///
/// The registry is always written: what a short name means depends on the machine that reads it.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// Registry and repository: `registry.example/team/web`.
    public let repository: String
    /// The tag; nil where none is written. With a digest it is for people only.
    public let tag: String?
    /// SHA-256 of the image's manifest or index: 64 lower-case hexadecimal digits; nil where none is written.
    public let digest: String?

    /// Reads a reference; nil for anything else.
    public init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        digest = Self.cut(&rest, at: "@").map { String(decoding: $0, as: UTF8.self) }.map {
            $0.hasPrefix("sha256:") ? String($0.dropFirst(7)) : ""
        }
        // A colon before the last slash belongs to the registry's port.
        let slash = rest.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex
        var name = rest[slash...]
        tag = Self.cut(&name, at: ":").map { String(decoding: $0, as: UTF8.self) }
        rest = rest[..<slash] + name
        repository = String(decoding: rest, as: UTF8.self)
        guard Self.isRepository(rest), tag.map(Self.isTag) ?? true, digest.map(Self.isDigest) ?? true else {
            return nil
        }
    }

    /// As it is written.
    public var description: String {
        repository + (tag.map { ":\($0)" } ?? "") + (digest.map { "@sha256:\($0)" } ?? "")
    }

    /// The host that serves the image, with its port if there is one.
    public var registry: String { String(decoding: repository.utf8.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self) }

    /// Whether this names what is on the machine itself and no registry: `localhost` without a port.
    public var isLocal: Bool { registry == "localhost" }

    /// Takes what is behind a separator off the end; nil where there is no separator.
    private static func cut(_ bytes: inout ArraySlice<UInt8>, at separator: Unicode.Scalar) -> ArraySlice<UInt8>? {
        guard let place = bytes.firstIndex(of: UInt8(ascii: separator)) else { return nil }
        defer { bytes = bytes[..<place] }
        return bytes[(place + 1)...]
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    private static func isTag(_ text: String) -> Bool {
        text.utf8.count <= 128 && text.utf8.first.map { isWord($0) || $0 == UInt8(ascii: "_") } ?? false
            && text.utf8.allSatisfy { isWord($0) || "_.-".utf8.contains($0) }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isLower(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    /// A registry, and names of lower-case letters and digits with single `.`, `_`, `__` or dashes between them.
    private static func isRepository(_ bytes: ArraySlice<UInt8>) -> Bool {
        let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count >= 2, bytes.count <= 255, let registry = parts.first, isRegistry(registry) else {
            return false
        }
        return parts.dropFirst().allSatisfy { part in
            guard let first = part.first, let last = part.last, isLower(first), isLower(last) else { return false }
            var separators: [UInt8] = []
            for byte in part {
                if isLower(byte) {
                    separators = []
                    continue
                }
                separators.append(byte)
                let dashes = separators.allSatisfy { $0 == UInt8(ascii: "-") }
                let known = [Array(".".utf8), Array("_".utf8), Array("__".utf8)].contains(separators)
                if !dashes && !known { return false }
            }
            return true
        }
    }

    /// A host with a dot or a port, or `localhost`: anything else would be a repository of a short name.
    private static func isRegistry(_ bytes: ArraySlice<UInt8>) -> Bool {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let host = parts.first, let first = host.first, let last = host.last, isWord(first), isWord(last),
            host.allSatisfy({ isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else { return false }
        if parts.count == 2 {
            return Int(String(decoding: parts[1], as: UTF8.self)).map { (1...65535).contains($0) } ?? false
                && parts[1].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        return parts.count == 1 && (host.contains(UInt8(ascii: ".")) || host.elementsEqual("localhost".utf8))
    }
}
