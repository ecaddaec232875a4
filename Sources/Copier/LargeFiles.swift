internal import BlueprintModel
internal import Glibc
internal import LinuxSystem

extension SourceRoot {
    /// What became of an attempt to refer to a file that is too large for memory.
    enum LargeFile {
        case contents(Blueprint.StoredContents, secret: String?)
        case vanished
        /// It changed while it was read, so there is no content to speak of.
        case changed
    }

    /// Refers to a file by its digest, and looks for secrets in it, without holding it.
    func large(_ path: String) throws(SystemError) -> LargeFile {
        do throws(SystemError) {
            // What took the file's place may be a pipe, which must not hold us up.
            let file = try directory.openInRoot(String(path.drop { $0 == "/" }), O_RDONLY | O_NONBLOCK)
            return try Self.large(file, "\(directory.name == "/" ? "" : directory.name)\(path)", path)
        } catch  where error.isNotFound || error.code == ENOTDIR {
            return .vanished
        }
    }

    private static func large(
        _ file: borrowing Descriptor, _ place: String, _ path: String
    ) throws(SystemError) -> LargeFile {
        guard let before = PathTree.Facts(of: file), before.isFile else { return .changed }
        let size = Int(before.size)
        var hash = SHA256()
        var scan = SecretFiles.Scan(path)
        do throws(SystemError) {
            var pieces = FilePieces(of: 0..<size)
            while let piece = try pieces.next(of: file) {
                hash.update(piece)
                switch piece {
                case .bytes(let bytes): scan.next(bytes)
                case .zeros: scan.skipZeros()
                }
            }
        } catch {
            // One that became shorter ends early.
            guard let now = PathTree.Facts(of: file), now.size < before.size else { throw error }
            return .changed
        }
        guard let after = PathTree.Facts(of: file), after.isSameContent(as: before),
            size > Blueprint.StoredContents.limit
        else { return .changed }
        let contents = Blueprint.StoredContents(
            size: size, sha256: hash.finish().hex, place: Blueprint.StoredContents.Place(path: place))
        return .contents(contents, secret: scan.kind)
    }
}

extension PathTree.Facts {
    fileprivate init?(of file: borrowing Descriptor) {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { return nil }
        self.init(status)
    }

    fileprivate func isSameContent(as other: PathTree.Facts) -> Bool {
        (size, modified, changed) == (other.size, other.modified, other.changed)
    }
}

extension SecretFiles {
    /// Finds in a file that comes in pieces what ``kind(_:_:)`` finds in one that is there at once.
    struct Scan {
        private var windows = Secrets.Windows()
        private var isBinary = false
        private var found: String?
        /// What a line holds, which only means something in a text.
        private var foundInText: String?

        /// Starts a file, whose place may tell enough.
        init(_ path: String) { found = SecretFiles.kind(path, []) }

        /// What kind of secret was found; nil for none.
        var kind: String? { found ?? (isBinary ? nil : foundInText) }

        mutating func next(_ bytes: UnsafeRawBufferPointer) {
            if found != nil { return }
            let window = windows.next(bytes)
            isBinary = isBinary || window.contains(0)
            if isBinary || foundInText != nil {
                found = Secrets.kind(in: window)
            } else if let kind = SecretFiles.kind(in: window) {
                found = Secrets.kind(in: window)
                if found == nil { foundInText = kind }
            }
        }

        mutating func skipZeros() {
            isBinary = true
            windows.skipZeros()
        }
    }
}
