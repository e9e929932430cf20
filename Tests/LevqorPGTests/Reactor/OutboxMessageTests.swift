import Testing

@testable import LevqorPG

@Suite("Messages of the outbox")
struct OutboxMessageTests {
    private static let start = WallClock(seconds: 1_700_000_000, nanoseconds: 1_000)
    private static let end = WallClock(seconds: 1_700_000_001, nanoseconds: 999_999_999)

    private static func message(secrets: [String] = [], bodyKept: Int = 2048) -> OutboxMessage {
        OutboxMessage(
            accountID: "a", id: "i", token: "42", messageID: "msg_1", method: "POST", url: "https://example.com/hook",
            headers: [("content-type", "application/json")], body: Array(#"{"x":1}"#.utf8), signingSecrets: secrets,
            signer: nil, content: .request, timeout: .seconds(10), responseCap: 100, bodyKept: bodyKept
        )
    }

    private static func response(_ headers: [(String, String)] = [], body: [UInt8] = []) -> OutboundOutcome {
        .response(
            OutboundResponse(
                status: 200, headers: headers.map { OutboundResponse.Header(name: $0.0, value: $0.1) }, body: body,
                truncated: false,
                timing: OutboundTiming(nameLookup: 0.1234, connect: 1, tls: 2, firstByte: 3, total: 4.5),
                remoteAddress: "192.0.2.1:443"
            )
        )
    }

    @Test("A response is reported whole")
    func response() {
        let report = Self.message().report(
            Self.response([("x-a", "1"), ("retry-after", "7")], body: Array("fine".utf8)), startedAt: Self.start,
            finishedAt: Self.end
        )
        #expect(
            JSONText.string(report) == """
                {"account_id":"a","id":"i","token":"42","started_at":"2023-11-14T22:13:20.000001Z",\
                "finished_at":"2023-11-14T22:13:21.999999Z","outcome":"response","status":200,\
                "headers":{"retry-after":"7","x-a":"1"},"body":"fine","remote_address":"192.0.2.1:443","retry_after":"7",\
                "timing":{"name_lookup":0.123,"connect":1.0,"tls":2.0,"first_byte":3.0,"total":4.5}}
                """
        )
    }

    @Test("A failure is reported by kind and message")
    func failure() {
        let report = Self.message().report(
            .failure(OutboundFailure(.addressRefused, "no\0no")), startedAt: Self.start, finishedAt: Self.end
        )
        #expect(report["outcome"]?.string == "failure")
        #expect(report["kind"]?.string == "address_refused")
        #expect(report["message"]?.string == "no\u{FFFD}no")
        #expect(report["status"] == nil)
    }

    @Test("Cookies are left out, values are cut, and nothing is told that PostgreSQL cannot keep")
    func cleans() throws {
        let body: [UInt8] = [0, 0xff, 0x41] + [UInt8](repeating: 0x62, count: 5000)
        let report = Self.message().report(
            Self.response(
                [
                    ("set-cookie", "secret"), ("x", "first"), ("x", "last"), ("y", String(repeating: "z", count: 4000)),
                    ("n", "a\0b"),
                ],
                body: body
            ),
            startedAt: Self.start, finishedAt: Self.end
        )
        #expect(report["headers"]?["set-cookie"] == nil)
        #expect(report["headers"]?["x"]?.string == "last")
        #expect(report["headers"]?["y"]?.string?.count == 1024)
        #expect(report["body"]?.string?.hasPrefix("\u{FFFD}\u{FFFD}Abbb") == true)
        #expect(report["body"]?.string?.unicodeScalars.count == 2048)
        #expect(!JSONText.encode(report).contains(0))
        #expect(!JSONText.string(report).contains("\\u0000"))
        // It is JSON for PostgreSQL too.
        _ = try JSONParser.parse(JSONText.string(report))
    }

    @Test("Who has a receiver is told more of the body")
    func keepsBody() {
        let body = [UInt8](repeating: 0x62, count: 5000)
        let report = Self.message(bodyKept: 4000).report(
            Self.response(body: body), startedAt: Self.start, finishedAt: Self.end)
        #expect(report["body"]?.string?.count == 4000)
    }

    @Test("Without secrets the request is as it was claimed; with two it bears two signatures over its bytes")
    func signs() throws {
        let key = try MasterKey(String(repeating: "ab", count: 32))
        let plain = try Self.message().request(signedWith: key, at: 1_700_000_000).get()
        #expect(plain.headers.map(\.name) == ["content-type"])
        #expect(plain.body == Array(#"{"x":1}"#.utf8))
        #expect(plain.method == "POST" && plain.url == "https://example.com/hook" && plain.id == "msg_1")
        let signed = try Self.message(secrets: ["webhook/a/2", "webhook/a/1"]).request(
            signedWith: key, at: 1_700_000_000
        ).get()
        let fields = Dictionary(uniqueKeysWithValues: signed.headers.map { ($0.name.lowercased(), $0.value) })
        #expect(fields["webhook-id"] == "msg_1")
        #expect(fields["webhook-timestamp"] == "1700000000")
        #expect(fields["webhook-signature"]?.split(separator: " ").count == 2)
        #expect(fields["content-type"] == "application/json")
    }

    @Test("Times are ISO 8601 with microseconds")
    func times() {
        #expect(WallClock(seconds: 0, nanoseconds: 0).text == "1970-01-01T00:00:00.000000Z")
        #expect(WallClock(seconds: 1_709_164_800, nanoseconds: 5_999).text == "2024-02-29T00:00:00.000005Z")
    }
}
