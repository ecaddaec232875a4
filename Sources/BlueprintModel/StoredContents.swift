extension Blueprint {
    /// Contents of a file that are too large to be held in memory: how many bytes, which, and where they are.
    ///
    /// Two are equal where their bytes are: the place is no part of a blueprint.
    public struct StoredContents: Sendable, Equatable {
        /// A range of bytes of a file on this machine, which begins at `offset` and has the size of the contents.
        public struct Place: Sendable, Equatable {
            /// The file.
            public var path: String
            /// Its first byte that belongs to the contents.
            public var offset: Int

            /// Names a file, and where the contents begin in it.
            public init(path: String, offset: Int = 0) {
                self.path = path
                self.offset = offset
            }
        }

        /// Larger contents are stored, never held; smaller ones never are stored: each has one form.
        public static let limit = 4 << 20

        /// The number of bytes, more than ``limit``.
        public let size: Int
        /// The SHA-256 of the bytes: 64 lower-case hexadecimal digits.
        public let sha256: String
        /// Where the bytes are; nil where only their digest is known.
        public var place: Place?

        /// Describes contents by size and digest.
        public init(size: Int, sha256: String, place: Place?) {
            self.size = size
            self.sha256 = sha256
            self.place = place
        }

        /// Whether both are the same bytes.
        public static func == (left: StoredContents, right: StoredContents) -> Bool {
            (left.size, left.sha256) == (right.size, right.sha256)
        }
    }

    /// What somebody found who read a large file that a document names.
    public struct LargeSource: Sendable {
        /// The contents.
        public let contents: StoredContents
        /// What kind of secret they hold, as ``Secrets`` says it; nil for none.
        public let secret: String?

        /// Describes a file that was read.
        public init(_ contents: StoredContents, secret: String?) {
            self.contents = contents
            self.secret = secret
        }
    }
}

extension Blueprint.StoredContents {
    /// The canonical form, without the place.
    static let codec = Codec<Form>.record(
        "stored contents", Form(),
        [
            Key("sha256", \.sha256, .text(.sha256), "The SHA-256 of the bytes.", presence: .required),
            // What others than we still read as a number exactly (RFC 8259, 6).
            Key("size", \.size, .integer(limit + 1...1 << 53 - 1), "How many bytes there are.", presence: .required),
        ]
    ).converted(
        to: { form, _, _ in
            form.size.flatMap { size in form.sha256.map { Self(size: size, sha256: $0, place: nil) } }
        },
        from: { Form(sha256: $0.sha256, size: $0.size) })

    struct Form: Sendable {
        var sha256: String?
        var size: Int?
    }
}

/// What a `source` of a file stands for.
enum SourceContents: Sendable {
    case bytes([UInt8])
    case stored(Blueprint.StoredContents)

    /// The name of a file beside the document, which may be of any size.
    static let codec = Codec<String>.text(.relativePath).converted(
        to: { path, node, decoding in
            do throws(Decoding.Unreadable) {
                guard let large = try decoding.store(path, node.mark) else {
                    return decoding.withoutSecrets(try decoding.read(path, node.mark), node.mark).map(Self.bytes)
                }
                guard let kind = large.secret else { return Self.stored(large.contents) }
                decoding.report(node.mark, "this holds \(kind)\(Secrets.advice)")
            } catch {
                decoding.report(node.mark, "cannot read \(quoted(path)): \(error.reason)")
            }
            return nil
        },
        // Never written: the canonical form has the bytes, or their digest.
        from: { contents in
            switch contents {
            case .bytes(let bytes): Base64.encode(bytes)
            case .stored(let stored): stored.sha256
            }
        })
}

extension TextRule {
    static let sha256 = TextRule(
        article: "a SHA-256", form: "64 lower-case hexadecimal digits", pattern: "^[0-9a-f]{64}$"
    ) { text in
        text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }
}
