import NIOHTTP1
import Testing

@testable import LevqorPG

@Suite("The head of a request")
struct RequestHeadTests {
    @Test("Names count in any case, and what stands twice is a list")
    func fields() {
        let head = Requests.make(
            .POST, "/a",
            [
                ("HOST", "h"), ("x-api-KEY", "one"), ("X-Api-Key", "two"), ("LEVQOR-account", "acct"),
                ("user-agent", "ua"), ("Content-Length", "7"), ("X-FORWARDED-FOR", "1.1.1.1"),
                ("x-forwarded-for", "2.2.2.2"), ("Idempotency-Key", "k"), ("Expect", "100-Continue"),
                ("X-Api-Kez", "other"), ("Content-Typf", "other"),
            ]
        )
        #expect(head.apiKey == "one, two")
        #expect(head.account == "acct")
        #expect(head.userAgent == "ua")
        #expect(head.contentLength == 7)
        #expect(head.contentType == nil)
        #expect(head.forwarded == ["1.1.1.1", "2.2.2.2"])
        #expect(head.idempotencyKeys == ["k"])
        #expect(head.announcesBody)
        #expect(head.waitsForContinue)
        #expect(head.fault == nil)
    }

    @Test(
        "A target has a path and perhaps a query",
        arguments: [
            ("/a/b", "/a/b", nil), ("/a?b=c?d", "/a", "b=c?d"), ("/a?", "/a", ""), ("/", "/", nil), ("//a", "//a", nil),
            ("/a#b?c", "/a", nil), ("/a?b#c", "/a", "b"), ("http://host:80/a?b", "/a", "b"), ("http://host", "/", nil),
        ] as [(String, String, String?)])
    func target(text: String, path: String, query: String?) {
        let head = Requests.make(.GET, text)
        #expect(head.path == path)
        #expect(head.query == query)
    }

    @Test(
        "What a reader would have to guess about is refused",
        arguments: [
            ([], 400), ([("Host", "a"), ("Host", "a")], 400), ([("Host", "")], nil),
            ([("Host", "a"), ("Content-Length", "1"), ("Transfer-Encoding", "chunked")], 400),
            ([("Host", "a"), ("Transfer-Encoding", "gzip, chunked")], 400),
            ([("Host", "a"), ("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], 400),
            ([("Host", "a"), ("Transfer-Encoding", "Chunked")], nil),
            ([("Host", "a"), ("Content-Length", "1"), ("Content-Length", "1")], 400),
            ([("Host", "a"), ("Content-Length", "1, 1")], 400),
            ([("Host", "a"), ("Expect", "200-ok")], 417), ([("Host", "a"), ("Expect", "100-continue")], nil),
        ] as [([(String, String)], Int?)])
    func faults(fields: [(String, String)], status: Int?) {
        #expect(Requests.make(.POST, "/", fields).fault?.status == status)
    }

    @Test("HTTP/1.0 knows neither Host nor Expect")
    func oldVersion() {
        #expect(Requests.make(.GET, "/", [], version: .http1_0).fault == nil)
        #expect(Requests.make(.POST, "/", [("Expect", "200-ok")], version: .http1_0).fault == nil)
        let asked = [("Connection", "keep-alive")]
        #expect(!Requests.make(.GET, "/", asked, version: .http1_0).isKeptAlive)
    }

    @Test("Another request may follow, unless either side is about to speak something else")
    func keptAlive() {
        let host = ("Host", "a")
        #expect(Requests.make(.GET, "/", [host]).isKeptAlive)
        #expect(!Requests.make(.GET, "/", [host, ("Connection", "close")]).isKeptAlive)
        #expect(!Requests.make(.GET, "/", [host, ("Connection", "Upgrade"), ("Upgrade", "h2c")]).isKeptAlive)
        #expect(!Requests.make(.CONNECT, "/", [host]).isKeptAlive)
    }
}
