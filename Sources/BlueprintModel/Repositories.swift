extension Blueprint {
    /// A source of packages beside Debian's own archives.
    public enum Repository: Sendable, Equatable {
        /// A remote archive.
        case archive(Archive)
        /// A directory that holds `.deb` files; its path is relative to the directory of the blueprint that was loaded.
        case directory(String)
    }

    /// A remote archive, as in sources.list(5).
    public struct Archive: Sendable, Equatable {
        /// Where the archive is.
        public var uri: String
        /// Its suites.
        public var suites: [String]
        /// Its components; empty where the suites are exact paths that end in `/`.
        public var components: [String]
        /// The OpenPGP public keys that may sign it: the bytes of the key file.
        public var signedBy: [UInt8]

        /// An archive from its parts.
        public init(uri: String, suites: [String], components: [String], signedBy: [UInt8]) {
            self.uri = uri
            self.suites = suites
            self.components = components
            self.signedBy = signedBy
        }
    }
}

extension Blueprint.Repository {
    /// As written: either the keys of an archive or a directory.
    private struct Form: Sendable {
        var uri: String?
        var suites: [String]?
        var components: [String]?
        var signedBy: [UInt8]?
        var directory: String?
    }

    /// A path of the document, made relative to the directory of the blueprint that was loaded.
    private static let directory = Codec<String>.text(.relativePath).converted(
        to: { path, node, decoding in decoding.rebase(path, node.mark) }, from: { $0 })

    static let codec = Codec<Form>.record(
        "repository", Form(),
        [
            Key("uri", \.uri, .text(.uri), "Where the archive is.", presence: .required, alternative: "uri"),
            Key("suites", \.suites, .list(.text(.suite)), "Its suites.", presence: .required, alternative: "uri"),
            Key(
                "components", \.components, .list(.text(.suite)), "Its components; none where suites are exact paths.",
                alternative: "uri"),
            Key(
                "signed-by", \.signedBy, .contents("keys", shorthand: .text("source")),
                "The OpenPGP public keys that may sign it: a file relative to this document, or its contents.",
                presence: .required, alternative: "uri"),
            Key(
                "directory", \.directory, directory, "A directory that holds .deb files, relative to this document.",
                alternative: "directory"),
        ]
    ).converted(
        to: { form, node, decoding -> Self? in
            if let directory = form.directory { return .directory(directory) }
            guard let uri = form.uri, let suites = form.suites, let keys = form.signedBy else { return nil }
            // sources.list(5): a suite is an exact path where it ends in "/", and only then has no component.
            let exact = suites.filter { $0.utf8.last == UInt8(ascii: "/") }.count
            if suites.isEmpty || exact != ((form.components ?? []).isEmpty ? suites.count : 0) {
                decoding.report(
                    node.mark, "wanted suites with components, or exact suites that end in \"/\" without any")
            }
            return .archive(.init(uri: uri, suites: suites, components: form.components ?? [], signedBy: keys))
        },
        from: { (repository: Self) in
            switch repository {
            case .directory(let path): return Form(directory: path)
            case .archive(let archive):
                let components = archive.components.isEmpty ? nil : archive.components
                return Form(
                    uri: archive.uri, suites: archive.suites, components: components, signedBy: archive.signedBy)
            }
        })
}
