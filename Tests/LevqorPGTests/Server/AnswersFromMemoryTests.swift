import HTTPTypes
import NIOCore
import Testing

@testable import LevqorPG

@Suite("Answers that need no database")
struct AnswersFromMemoryTests {
    private static func refusal(_ headers: String, _ body: String) throws -> RepeatableRefusal {
        let value = JSONValue.object([
            ("for", .string("all")), ("class", .string("write")), ("seconds", .int(5)),
            ("headers", try JSONParser.parse(headers)), ("body", .string(body)),
        ])
        return try #require(RepeatableRefusal(value))
    }

    @Test("A refusal has its figures in headers and body")
    func refusal() throws {
        let template = try #require(
            RefusalTemplate(
                try Self.refusal(
                    #"{"Retry-After": "{seconds}", "RateLimit": "\"p\";r=0;t={seconds}", "X-RateLimit-Limit": "20", "bad name": "x", "X-Reset": "{reset}"}"#,
                    #"{"retry_after": {seconds}, "request_id": "{request_id}"}"#
                )
            )
        )
        let answer = template.fill(TextTemplate.Figures(seconds: 7, reset: 1, requestID: "req-1"))
        let headers = answer.headers
        #expect(answer.status == 429)
        #expect(headers[.retryAfter] == "7")
        #expect(headers[.rateLimit] == #""p";r=0;t=7"#)
        #expect(headers[.contentType] == "application/problem+json")
        #expect(headers.contains { $0.name.canonicalName == "x-ratelimit-limit" && $0.value == "20" })
        // The same figures again, then others.
        let again = template.fill(TextTemplate.Figures(seconds: 7, reset: 1, requestID: "req-2"))
        #expect(again.headers == headers)
        #expect(String(buffer: again.body).contains("req-2"))
        for figures in [(6, 1), (7, 2)] {
            let later = template.fill(TextTemplate.Figures(seconds: figures.0, reset: figures.1, requestID: "r"))
            #expect(later.headers[.retryAfter] == "\(figures.0)")
            #expect(later.headers.first { $0.name.canonicalName == "x-reset" }?.value == "\(figures.1)")
        }
        #expect(String(buffer: answer.body) == #"{"retry_after": 7, "request_id": "req-1"}"#)
    }

    @Test("A constant is made ready once: status, headers, body")
    func constant() throws {
        let text = #"{"status": 201, "headers": {"ETag": "\"1\"", "X-A": ["1", "2"]}, "body": "{}"}"#
        let constant = try ConstantAnswer(try JSONParser.parse(text), route: "GET /c").answer
        #expect(constant.status == 201)
        #expect(constant.headers[.eTag] == "\"1\"")
        #expect(constant.headers.filter { $0.name.canonicalName == "x-a" }.map(\.value) == ["1", "2"])
        #expect(constant.headers[.contentType] == "application/json")
        #expect(String(buffer: constant.body) == "{}")
        let bare = try ConstantAnswer(try JSONParser.parse(#"{"status": 204}"#), route: "GET /c").answer
        #expect(bare.headers[.contentType] == nil)
        #expect(bare.body.readableBytes == 0)
    }

    @Test(
        "A constant without a status is none",
        arguments: [
            #"{}"#, #"{"status": "200"}"#, #"{"status": 99}"#, #"{"status": 200.5}"#, #"{"status": 1e99}"#, "[]",
        ])
    func noConstant(text: String) throws {
        #expect(throws: RouteError.self) { try ConstantAnswer(try JSONParser.parse(text), route: "GET /c") }
    }
}
