import Foundation
import Testing

@testable import LevqorPG

@Suite("Routes that take any bytes", .timeLimit(.minutes(3)))
struct RawRouteTests {
    private static let sql = """
        create function api.t_raw(p_name text, p_body bytea, p_headers jsonb, p_secrets jsonb) returns http.response
        language sql volatile set search_path = pg_catalog, pg_temp as $$
            select case
                when p_name = 'never' or p_name = 'secret' and p_secrets = '{}'
                    then http.need_secrets('{credential/A,credential/MISSING,derived/test/1}')
                else http.json(200, jsonb_build_object(
                    'bytes', length(p_body), 'hash', encode(sha256(p_body), 'hex'), 'headers', p_headers, 'secrets', p_secrets))
            end
        $$;
        select http.register_route('POST', '/t/raw/{name}', 'api.t_raw', p_domain => 'test', p_access => 'public',
            p_limit_class => 'inbox', p_body_kind => 'raw', p_body_cap => 70000);
        """

    private static func with(_ body: (TestClient, TestDatabase) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await database.script(sql)
            try await database.withoutLimits()
            try await TestServer.with(database, ["LEVQOR_CREDENTIAL_A": "s3cret"]) { server in
                try await body(server.client, database)
            }
        }
    }

    /// What SHA-256 says of the bytes, by the database: the same function on both sides, the bytes on two ways.
    private static func hash(_ bytes: [UInt8], _ database: TestDatabase) async throws -> String? {
        let hex = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        return try await database.text("select encode(sha256(decode($1, 'hex')), 'hex')", [.text(hex)])
    }

    @Test("Every byte there is arrives as it was sent, whatever type and encoding it claims to have")
    func bytes() async throws {
        try await Self.with { client, database in
            let bytes = (0..<66000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            let answer = try await client.send(
                "POST", "/t/raw/x",
                [
                    ("Content-Type", "application/json"), ("Content-Encoding", "gzip"), ("Cookie", "a=b"),
                    ("X-Mine", "ü"),
                ],
                body: bytes)
            #expect(answer.status == 200)
            #expect(answer.json["bytes"]?.number?.text == "66000")
            #expect(answer.json["hash"]?.string == (try await Self.hash(bytes, database)))
            #expect(answer.json["headers"]?["content-encoding"]?.string == "gzip")
            #expect(answer.json["headers"]?["x-mine"]?.string == "ü")
            #expect(answer.json["headers"]?["cookie"] == nil)
            #expect(try await client.send("POST", "/t/raw/x", []).json["bytes"]?.number?.text == "0")
        }
    }

    @Test("Chunks are joined, and are no way around the cap")
    func chunks() async throws {
        try await Self.with { client, database in
            let head = Array(
                "POST /t/raw/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .utf8)
            let answer = try await client.raw(
                head + Array("2\r\n".utf8) + [0xff, 0] + Array("\r\n1\r\n\u{7f}\r\n0\r\n\r\n".utf8))
            #expect(answer.json["bytes"]?.number?.text == "3")
            #expect(answer.json["hash"]?.string == (try await Self.hash([0xff, 0, 0x7f], database)))
            let large = [UInt8](repeating: 0xff, count: 70001)
            #expect(try await client.send("POST", "/t/raw/x", [], body: large).status == 413)
            #expect(try await client.send("POST", "/t/raw/x", [], body: Array(large.dropLast())).status == 200)
            let chunk = Array("11171\r\n".utf8) + large + Array("\r\n0\r\n\r\n".utf8)
            #expect(try await client.raw(head + chunk).status == 413)
        }
    }

    @Test("A function gets the secrets that it asks for, once, and nobody else can hand it some")
    func secrets() async throws {
        try await Self.with { client, _ in
            let answer = try await client.send("POST", "/t/raw/secret", [], body: [0xff])
            #expect(answer.json["bytes"]?.number?.text == "1")
            #expect(answer.json["secrets"]?["credential/A"]?.string == "s3cret")
            #expect(answer.json["secrets"]?["credential/MISSING"] == .null)
            #expect(answer.json["secrets"]?["derived/test/1"]?.string?.hasPrefix("whsec_") == true)
            #expect(try await client.send("POST", "/t/raw/x?secrets=x", [], body: [0xff]).status == 422)
            // One that asks for ever is not asked for ever.
            #expect(try await client.send("POST", "/t/raw/never", [], body: [0xff]).status == 503)
        }
    }
}
