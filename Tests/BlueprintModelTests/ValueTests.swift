import Testing

@testable import BlueprintModel

@Suite struct ValueTests {
    @Test(arguments: [
        "0.0.0.0", "255.255.255.255", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "fe80::a:B", "::ffff:192.0.2.1",
        "1:2:3:4:5:6:192.0.2.1",
    ])
    func anAddressIsRecognised(text: String) { #expect(IPAddress(text) != nil) }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.-4", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1::2::3", ":1::2", "1:2:3:4:5:6:7:", "12345::", "g::", "::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:192.0.2.1",
        "1:2:3:4::5:6:7:8:9", "::1%eth0",
    ])
    func whatIsNoAddressIsRefused(text: String) { #expect(IPAddress(text) == nil) }

    @Test func sizesAreReadAndWrittenInTheirLargestUnit() {
        for (text, bytes) in [("1KiB", 1 << 10), ("512MiB", 512 << 20), ("3GiB", 3 << 30), ("4194304TiB", 1 << 62)] {
            #expect(ByteSize.parse(text) == bytes)
            #expect(ByteSize.text(bytes) == text)
        }
        for text in ["", "1", "0MiB", "-1MiB", "+1MiB", "01MiB", "1 MiB", "1.5GiB", "1mib", "MiB", "4194305TiB"] {
            #expect(ByteSize.parse(text) == nil, "\(text)")
        }
    }

    @Test func lengthsOfTimeAreReadAndWrittenInTheirLargestUnit() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("5min", 300), ("61min", 3660), ("1h", 3600), ("24h", 86400)] {
            #expect(TimeSpan.parse(text) == seconds)
            #expect(TimeSpan.text(seconds) == text)
        }
        #expect(TimeSpan.parse("120s") == 120)
        for text in [
            "", "1", "0s", "-1s", "+1s", "01s", "1 s", "1.5h", "1m", "s", "25h", "1441min", "9223372036854775807h",
        ] {
            #expect(TimeSpan.parse(text) == nil, "\(text)")
        }
    }

    @Test func base64IsStrict() {
        for bytes: [UInt8] in [[], [0], [1, 2], [0xFF, 0xFE, 0xFD], Array(0...255)] {
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        #expect(Base64.encode(Array("foob".utf8)) == "Zm9vYg==")
        #expect(Base64.decode("Zm9v\nYmE=") == Array("fooba".utf8))
        for text in ["A", "AA", "AAA", "A===", "AB==", "AAB=", "AA=A", "====", "AAA*"] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
    }

    @Test func theSchemaMatchesWhatTheDecoderTakes() throws {
        let rules: [(TextRule, [String])] = [
            (.name, ["a", "a-1", "-a", "A", ""]), (.packageName, ["g++", "a", "libc6", "Vim", "a b"]),
            (.userName, ["_a", "a-b", "1a", "a.b"]), (.linkName, ["en*", "a[0-9]", "a b", "a/b"]),
            (.kernelWord, ["a=b", "a\\b", "a]b", "a\"b", "a b", "é"]), (.fileMode, ["644", "0644", "64", "0888"]),
            (.size, ["1KiB", "0KiB", "1KB"]), (.absolutePath, ["/a", "/a/b", "/", "a", "/a/", "//a"]),
            (.uri, ["http://x", "ftp://x", "https://", "http://a b"]), (.zone, ["Etc/GMT+1", "/etc", "Etc UTC"]),
            (.duration, ["5min", "0s", "1m", "s"]),
        ]
        for (rule, texts) in rules {
            let pattern = try Regex(try #require(rule.pattern))
            for text in texts { #expect((text.wholeMatch(of: pattern) != nil) == rule.isValid(text), "\(text)") }
        }
    }

    @Test func aMisspeltWordIsNearItsOriginal() {
        for (a, b, distance) in [
            ("", "", 0), ("abc", "", 3), ("pakages", "packages", 1), ("untis", "units", 1), ("ab", "cd", 2),
        ] {
            #expect(editDistance(Array(a), Array(b)) == distance)
        }
        #expect(suggestion(for: "zzz", among: ["name", "time"]) == "")
    }
}
