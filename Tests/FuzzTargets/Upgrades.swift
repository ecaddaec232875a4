import Controller
import LinuxSystem
import Verifier

extension FuzzTarget {
    /// What the controller reads of a generation that it does not trust yet.
    static let upgrades = [bundle, responseHead, generationManifest, location]

    private static let bundle = FuzzTarget(
        "bundle",
        words: ["ustar\u{0}00", "ustar  \u{0}", "path=", "size=", "GNU.sparse.", "./", "\u{0}", "11 path=b\n"],
        seeds: {
            try ["pax", "gnu"].map { format in
                try made(
                    "mkdir d; echo 1 > d/manifest.json; echo 2 > d/\(String(repeating: "n", count: 120)); "
                        + "tar --format=\(format) -cf out -C d .")
            }
        },
        read: { input in
            let read = { (bytes: [UInt8]) throws -> BundleIndex in
                try BundleIndex(size: bytes.count, name: "input") { (range) throws(ControllerError) in
                    Array(bytes[range])
                }
            }
            // A fuzzer does not find sums.
            let index = try read(input.withSums)
            var end = 0
            for (name, range) in index.files.sorted(by: { $0.value.lowerBound < $1.value.lowerBound }) {
                guard range.lowerBound >= end, range.upperBound <= input.count else {
                    throw BrokenLaw("members lie in the archive, one behind the other")
                }
                guard !name.contains("/"), name.first != "." else { throw BrokenLaw("no name leads elsewhere") }
                end = range.upperBound
            }
        })

    private static let responseHead = FuzzTarget(
        "response-head",
        words: ["HTTP/1.1 206 \r\n", "Content-Length: ", "Content-Range: bytes 0-1/2", "Location: x", "\r\n", "\n\n"],
        seeds: {
            [
                Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody".utf8),
                Array("HTTP/2 206 \r\ncontent-range: bytes 5-9/20\r\ncontent-length: 5\r\n\r\n".utf8),
            ]
        },
        read: { input in
            guard let (head, count) = try ResponseHead.parse(input) else { return }
            guard count <= input.count, head.contentLength ?? 0 >= 0,
                head.rangeStart ?? 0 <= head.rangeTotal ?? head.rangeStart ?? 0
            else { throw BrokenLaw("what a head tells is possible") }
            try expectSame("a head does not depend on what follows", head) {
                try ResponseHead.parse(Array(input.prefix(count)))?.head ?? head
            }
        })

    private static let generationManifest = FuzzTarget(
        "generation-manifest",
        words: [
            "\"release\":", "\"data-schema\":{\"version\":3,\"floor\":2}", "\"command-line\":\"", "\"filesystem\":",
        ],
        seeds: {
            let zeros = String(repeating: "0", count: 64)
            let artefacts = ["root", "verity", "uki"].map { "{\"name\":\"\($0)\",\"size\":1,\"sha256\":\"\(zeros)\"}" }
            let uuid = "00000000-0000-0000-0000-000000000000"
            let text = """
                {"manifest":1,"generation":1,"name":"n","architecture":"amd64","epoch":1,"release":7,"root-hash":"\(zeros)",
                "command-line":"roothash=\(zeros)","data-schema":{"version":3,"floor":2},
                "artefacts":[\(artefacts.joined(separator: ","))],"disk":{"uuid":"\(uuid)","size":1},
                "partitions":[{"number":1,"name":"esp","type":"\(uuid)","uuid":"\(uuid)","start":1,"size":1}]}
                """
            return [Array(text.utf8)]
        },
        read: { input in
            let manifest = try GenerationManifest(parsing: input, file: "input")
            guard manifest.dataSchema.floor <= manifest.dataSchema.version, manifest.root.size >= 0 else {
                throw BrokenLaw("numbers of a manifest are possible")
            }
        })

    private static let location = FuzzTarget(
        "upgrade-location", words: ["http://", "https://", "@", "?", "manifest.json", "\"", "\n"],
        seeds: { [Array("https://user:secret@example.org/a/?token".utf8), Array("http://h/manifest.json".utf8)] },
        read: { input in
            let url = "http://" + text(input)
            let location = try UpgradeLocation(url)
            let bytes: [UInt8] =
                switch location {
                case .remoteDirectory(let url), .remoteArchive(let url): Array(url.utf8)
                case .directory, .archive: throw BrokenLaw("a URL is no path")
                }
            guard
                bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
            else { throw BrokenLaw("a URL stays in its quotes") }
        })
}

extension [UInt8] {
    /// A tar archive in which every block that looks like a header has the right sum.
    fileprivate var withSums: [UInt8] {
        var bytes = self
        for start in stride(from: 0, through: count - 512, by: 512) where bytes[start + 257] == UInt8(ascii: "u") {
            let field = start + 148..<start + 156
            let sum = (start..<start + 512).reduce(0) { $0 + (field.contains($1) ? 32 : Int(bytes[$1])) }
            let digits = String(sum, radix: 8)
            let text = String(repeating: "0", count: 6 - digits.utf8.count) + digits
            bytes.replaceSubrange(field, with: Array(text.utf8) + [0, UInt8(ascii: " ")])
        }
        return bytes
    }
}
