import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Writes an answer as HTTP/1.1, with what every answer has: security headers, request id, date, length.
enum AnswerWriter {
    private static let statusLines: [[UInt8]] = (0...999).map { code in
        let reason = HTTPResponseStatus(statusCode: code).reasonPhrase
        return Array("HTTP/1.1 \(code) \(reason)\r\n".utf8)
    }
    private static let requestID = Array("X-Request-Id: ".utf8)
    private static let length = Array("\r\nContent-Length: ".utf8)
    private static let date = Array("\r\nDate: ".utf8)
    private static let close = Array("\r\nConnection: close\r\n\r\n".utf8)
    private static let end = Array("\r\n\r\n".utf8)

    /// What the client is told instead of an answer, so that it sends the body.
    static let goOn = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")

    /// Appends the answer to a buffer.
    ///
    /// - Parameters:
    ///   - isHead: the body stays here; its length is told all the same.
    ///   - closes: the connection ends after it.
    static func write(
        _ answer: Answer, requestID id: String, isHead: Bool, closes: Bool, to buffer: inout ByteBuffer
    ) {
        buffer.reserveCapacity(minimumWritableBytes: 1024 + answer.body.readableBytes)
        buffer.writeBytes(statusLines[(100...999).contains(answer.status) ? answer.status : 500])
        for field in answer.headers {
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
            buffer.writeStaticString("\r\n")
        }
        SecurityHeaders.write(to: &buffer, without: answer.headers)
        buffer.writeBytes(requestID)
        buffer.writeString(id)
        // RFC 9110, 8.6: no length with 204; a 304 would have to tell that of the 200.
        if answer.status != 204, answer.status != 304, answer.status >= 200 {
            buffer.writeBytes(length)
            buffer.writeString(String(answer.body.readableBytes))
        }
        buffer.writeBytes(date)
        buffer.writeString(DateText.now())
        buffer.writeBytes(closes ? close : end)
        if !isHead { buffer.writeImmutableBuffer(answer.body) }
    }
}
