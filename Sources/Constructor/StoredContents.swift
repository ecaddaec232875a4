public import BlueprintModel
internal import Glibc
public import LinuxSystem

/// Contents that are not any more where they were found, or not what they were.
public struct ContentsChanged: Error, Sendable, CustomStringConvertible {
    /// The contents that were wanted.
    public let contents: Blueprint.StoredContents
    /// What became of them, as a clause: `it vanished`.
    public let reason: String

    /// The file, what became of it, and what to do.
    public var description: String {
        guard let place = contents.place else {
            return "of contents of \(humanSize(contents.size)) nothing but the SHA-256 \(contents.sha256) is known\n"
                + "  to mend it: name the file that has them by `source`"
        }
        return "\(place.path): \(reason) since its digest was taken\n"
            + "  to mend it: let nobody write to the file meanwhile, and begin again"
    }
}

extension Blueprint.StoredContents {
    /// Refers to what a file holds in a range of bytes, and looks for secrets in it, without holding it.
    ///
    /// - Parameter path: by which the file is opened later.
    public static func read(
        _ file: borrowing Descriptor, in range: Range<Int>, path: String
    ) throws -> Blueprint.LargeSource {
        var hash = SHA256()
        var windows = Secrets.Windows()
        var secret: String?
        var pieces = FilePieces(of: range)
        while let piece = try pieces.next(of: file) {
            hash.update(piece)
            switch piece {
            case .bytes(let bytes) where secret == nil: secret = Secrets.kind(in: windows.next(bytes))
            case .bytes: break
            case .zeros: windows.skipZeros()
            }
        }
        let contents = Self(
            size: range.count, sha256: hash.finish().hex, place: Place(path: path, offset: range.lowerBound))
        return Blueprint.LargeSource(contents, secret: secret)
    }

    /// Refers to a whole file, where that is too large to be read into memory; nil for others.
    public static func read(_ path: String) throws -> Blueprint.LargeSource? {
        // Opening a pipe would wait for its other end.
        let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
        let status = try file.status()
        guard status.type == S_IFREG, status.size > limit else { return nil }
        return try read(file, in: 0..<status.size, path: path)
    }

    /// Writes the contents to `offset` of a file without holding them; where they have zeros, nothing is written, so that
    /// holes stay holes.
    ///
    /// - Throws: ``ContentsChanged`` where they are not those that were found. What was written then is worth nothing.
    public func write(to file: borrowing Descriptor, at offset: Int = 0) throws {
        guard let place else { throw ContentsChanged(contents: self, reason: "") }
        let source: Descriptor
        do throws(SystemError) { source = try open(place) } catch { throw changed(error) }
        var hash = SHA256()
        var pieces = FilePieces(of: place.offset..<place.offset + size)
        var position = offset
        while let piece = try next(of: source, &pieces) {
            hash.update(piece)
            switch piece {
            case .zeros(let count): position += count
            case .bytes(let bytes):
                try file.writeAll(bytes, at: position)
                position += bytes.count
            }
        }
        guard hash.finish().hex == sha256 else { throw ContentsChanged(contents: self, reason: "it changed") }
        if try file.status().size < offset + size { try file.truncate(to: offset + size) }
    }

    private func open(_ place: Place) throws(SystemError) -> Descriptor {
        let source = try Descriptor.open(place.path, O_RDONLY | O_NONBLOCK)
        let status = try source.status()
        guard status.type == S_IFREG else { throw SystemError(call: "open", subject: place.path, code: EINVAL) }
        // The end of a file that only grew is another change.
        guard place.offset > 0 || status.size == size else {
            throw SystemError(call: "fstat", subject: place.path, code: ESTALE)
        }
        return source
    }

    private func next(of source: borrowing Descriptor, _ pieces: inout FilePieces) throws -> FilePieces.Piece? {
        do throws(SystemError) { return try pieces.next(of: source) } catch { throw changed(error) }
    }

    private func changed(_ error: SystemError) -> ContentsChanged {
        let reason =
            switch error.code {
            case ENOENT, ENOTDIR: "it vanished"
            case ESTALE: "its size changed"
            case EIO: "it became shorter, or its disk fails"
            case EINVAL: "it is no file any more"
            default: "it cannot be read any more (\(String(cString: strerror(error.code))))"
            }
        return ContentsChanged(contents: self, reason: reason)
    }
}
