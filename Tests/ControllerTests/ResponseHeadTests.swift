import Controller
import Testing

@Suite struct ResponseHeadTests {
    private func head(_ text: String) throws -> ResponseHead? { try ResponseHead.parse(Array(text.utf8))?.head }

    @Test func lengthsAndRangesAreRead() throws {
        let text =
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/20\r\ncontent-length:\t5 \r\nX: y\r\n\r\nbody"
        let (head, count) = try #require(try ResponseHead.parse(Array(text.utf8)))
        #expect(head.status == 206 && head.rangeStart == 5 && head.rangeTotal == 20 && head.contentLength == 5)
        #expect(!head.hasLocation && count == text.utf8.count - 4)
        #expect(try self.head("HTTP/2 200 \n\n")?.status == 200)
        #expect(try self.head("HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n")?.hasLocation == true)
        let part = try self.head(
            "HTTP/1.1 206 P\r\nContent-Range: bytes 5-9/*\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n")
        #expect(part?.rangeStart == 5 && part?.rangeTotal == nil && part?.contentLength == 5)
    }

    @Test func headThatGoesOnIsWaitedFor() throws {
        let text = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".utf8)
        for count in 0..<text.count { #expect(try ResponseHead.parse(Array(text[..<count])) == nil) }
        #expect(try ResponseHead.parse(text) != nil)
        let endless = Array("HTTP/1.1 200 OK\r\n".utf8) + [UInt8](repeating: 0x61, count: ResponseHead.limit)
        #expect(throws: ControllerError.self) { try ResponseHead.parse(endless) }
    }

    @Test(arguments: [
        "", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2x0 OK", "HTTP/1.1 +20 OK", "ICY 200 OK", "HTTP/1.1  200 OK", "\u{0}",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6", "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "HTTP/1.1 200 OK\r\nContent-Length: ", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999", "HTTP/1.1 206 P\r\nContent-Range: bytes 9-5/20",
        "HTTP/1.1 206 P\r\nContent-Range: bytes 0-20/20", "HTTP/1.1 206 P\r\nContent-Range: lines 0-2/20",
        "HTTP/1.1 206 P\r\nContent-Range: bytes */20", "HTTP/1.1 206 P\r\nContent-Range: bytes 0-9223372036854775807/*",
        "HTTP/1.1 206 P\r\nContent-Range: bytes 0-1/2\r\nContent-Range: bytes 0-1/2",
    ])
    func whatSaysNothingClearIsRefused(text: String) {
        #expect(throws: ControllerError.self) { try head(text + "\r\n\r\n") }
    }
}
