internal import Glibc
internal import LinuxSystem

extension Fetcher {
    /// The life of a worker: batch after batch.
    func work(_ queue: FetchQueue) {
        while let batch = queue.next() {
            do throws(StoreError) { try fetch(batch, queue) } catch { queue.stop(error) }
            queue.finishedBatch()
        }
    }

    /// An item on its way through its candidates.
    private struct Attempt {
        let item: Item
        var candidate = 0
        /// Whether the download goes on from what an earlier one left.
        var isResumed = false
        var reasons: [String] = []

        var uri: String? { candidate < item.uris.count ? item.uris[candidate] : nil }

        mutating func fail(_ reason: String) {
            reasons.append("\(item.name): \(uri ?? "nowhere"): \(reason)")
            candidate += 1
        }
    }

    private func fetch(_ batch: [Item], _ queue: FetchQueue) throws(StoreError) {
        var attempts: [Attempt] = []
        for item in batch {
            if item.uris.isEmpty {
                queue.failed(item, ["\(item.name): there is no place to fetch it from"])
            } else {
                attempts.append(Attempt(item: item))
            }
        }
        while !attempts.isEmpty {
            let answers = download(&attempts)
            var next: [Attempt] = []
            for var attempt in attempts {
                if try take(&attempt, answers) {
                    queue.arrived(attempt.item)
                } else if attempt.uri != nil {
                    next.append(attempt)
                } else {
                    queue.failed(attempt.item, attempt.reasons)
                }
            }
            attempts = next
        }
    }

    /// Why a URI could not be fetched, by URI.
    private typealias Answers = [String: String]

    /// Fetches each attempt's candidate into its partial file.
    private func download(_ attempts: inout [Attempt]) -> Answers {
        var answers: Answers = [:]
        var argv = ["/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=", "download-file"]
        let fixed = argv.count
        for index in attempts.indices {
            let attempt = attempts[index]
            guard let uri = attempt.uri else { continue }
            let partial = partialPath(attempt.item)
            if fileSize(partial) > attempt.item.size { _ = unlink(partial) }
            attempts[index].isResumed = fileSize(partial) > 0
            // Complete already: an earlier fetch was broken off just before the file became an object.
            if fileSize(partial) == attempt.item.size, attempt.item.size > 0 { continue }
            if uri.hasPrefix("file:") {
                answers[uri] = copy(uri, to: partial)
            } else if uri.hasPrefix("http:") || uri.hasPrefix("https:"), uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
            {
                argv += [uri, partial]
            } else {
                answers[uri] = "not a well-formed http:, https: or file: URI"
            }
        }
        if argv.count == fixed { return answers }
        do {
            let result = try run(argv, networkEnvironment, nil)
            let lines = String(decoding: result.errorOutput, as: UTF8.self).split(separator: "\n")
            for line in lines where line.hasPrefix("E: Failed to fetch ") {
                // "E: Failed to fetch URI  REASON"
                let parts = line.dropFirst("E: Failed to fetch ".count).split(separator: " ", maxSplits: 1)
                let reason = parts.count == 2 ? parts[1].drop { $0 == " " } : ""
                if let uri = parts.first { answers[String(uri)] = String(reason) }
            }
            if result.status != 0, answers.isEmpty { answers[""] = lines.suffix(3).joined(separator: "; ") }
        } catch {
            answers[""] = "\(argv[0]) could not be started (package apt): \(error)"
        }
        return answers
    }

    /// Makes an object of what arrived; false if it is not what was wanted.
    private func take(_ attempt: inout Attempt, _ answers: Answers) throws(StoreError) -> Bool {
        let (item, path) = (attempt.item, partialPath(attempt.item))
        let reason = attempt.uri.flatMap { answers[$0] ?? answers[Self.asAptWritesIt($0)] }
        let size = fileSize(path)
        // As apt and copy(_:to:) say it; what was written last may be nothing at all.
        if let reason, reason.contains(String(cString: strerror(ENOSPC))) {
            throw .system(SystemError(call: "write", subject: path, code: ENOSPC))
        }
        if access(path, F_OK) != 0 {
            attempt.fail(reason ?? answers[""] ?? "nothing arrived")
            return false
        }
        if size < item.size, let reason {
            // What is there stays: the next attempt, or the next fetch, goes on from it.
            attempt.fail(reason)
            return false
        }
        do throws(StoreError) {
            try store.adopt(path, expecting: item.digest, called: item.name)
            return true
        } catch {
            guard case .unexpected(_, let wanted, let got) = error else { throw error }
            _ = unlink(path)
            let sizes = size == item.size ? "" : ", and \(item.size) bytes, got \(size)"
            // The beginning may have come from an earlier, broken attempt.
            if !attempt.isResumed { attempt.fail("wanted SHA-256 \(wanted), got \(got)\(sizes)") }
            return false
        }
    }

    /// apt encodes a plus, which is in many versions.
    private static func asAptWritesIt(_ uri: String) -> String {
        String(decoding: uri.utf8.flatMap { $0 == UInt8(ascii: "+") ? Array("%2b".utf8) : [$0] }, as: UTF8.self)
    }

    /// Copies a local file; nil if that went well.
    private func copy(_ uri: String, to path: String) -> String? {
        guard let source = Self.path(ofFileURI: uri) else { return "not a well-formed file: URI" }
        do throws(SystemError) {
            let from = try Descriptor.open(source)
            let size = try from.status().size
            let to = try Descriptor.open(path, O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
            try to.truncate(to: size)
            try to.copy(from: from, at: 0, length: size, to: 0)
            return nil
        } catch {
            _ = unlink(path)
            return error.description
        }
    }

    /// The path in `file:/path` or `file:///path`; nil for a URI with a host or a broken encoding.
    static func path(ofFileURI uri: String) -> String? {
        var rest = Array(uri.utf8.dropFirst("file:".utf8.count))[...]
        if rest.starts(with: "//".utf8) { rest = rest.dropFirst(2) }
        guard rest.first == UInt8(ascii: "/") else { return nil }
        var path: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                path.append(byte)
                continue
            }
            guard rest.count >= 2, let decoded = [UInt8](hex: String(decoding: rest.prefix(2), as: UTF8.self)),
                decoded[0] != 0
            else { return nil }
            path += decoded
            rest = rest.dropFirst(2)
        }
        return String(validating: path, as: UTF8.self)
    }
}
