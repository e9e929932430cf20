import HTTPTypes
import NIOCore
import Testing

@testable import LevqorPG

@Suite("An answer on the wire")
struct AnswerWriterTests {
    private static func text(_ answer: Answer, isHead: Bool = false, closes: Bool = false) -> String {
        var buffer = ByteBuffer()
        AnswerWriter.write(answer, requestID: "request-1", isHead: isHead, closes: closes, to: &buffer)
        return String(buffer: buffer)
    }

    private static func lines(_ text: String) -> [String] {
        text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test("It has its own headers, those of every answer, id, date and length")
    func whole() throws {
        let text = Self.text(Answer(status: 201, headers: [.location: "/x"], body: ByteBuffer(string: "{}")))
        let lines = Self.lines(text)
        #expect(lines.first == "HTTP/1.1 201 Created")
        #expect(lines.contains("Location: /x"))
        #expect(lines.contains("X-Content-Type-Options: nosniff"))
        #expect(lines.contains("Cache-Control: no-store"))
        #expect(lines.contains("X-Request-Id: request-1"))
        #expect(lines.contains("Content-Length: 2"))
        #expect(lines.filter { $0.hasPrefix("Date: ") && $0.hasSuffix(" GMT") }.count == 1)
        #expect(!text.contains("Connection:"))
        #expect(lines.suffix(2) == ["", "{}"])
    }

    @Test("A header of its own stands in place of that of every answer, once")
    func own() {
        let answer = Answer(status: 200, headers: [.cacheControl: "max-age=5", .xFrameOptions: "SAMEORIGIN"])
        let lines = Self.lines(Self.text(answer))
        #expect(lines.filter { $0.hasPrefix("Cache-Control:") } == ["Cache-Control: max-age=5"])
        #expect(lines.filter { $0.hasPrefix("X-Frame-Options:") } == ["X-Frame-Options: SAMEORIGIN"])
        #expect(lines.contains("Referrer-Policy: strict-origin-when-cross-origin"))
    }

    @Test("HEAD gets the length and no body, 204 and 304 neither, and the last answer says that it is")
    func bodies() {
        let body = ByteBuffer(string: "abc")
        let head = Self.text(Answer(status: 200, body: body), isHead: true, closes: true)
        #expect(head.contains("Content-Length: 3\r\n"))
        #expect(head.hasSuffix("\r\nConnection: close\r\n\r\n"))
        #expect(!Self.text(Answer(status: 204)).contains("Content-Length"))
        #expect(!Self.text(Answer(status: 304)).contains("Content-Length"))
    }

    @Test("A date is told as HTTP wants it")
    func date() {
        #expect(DateText.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
