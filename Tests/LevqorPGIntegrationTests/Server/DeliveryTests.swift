import Crypto
import Foundation
import Testing

@testable import LevqorPG

@Suite("Webhooks go out", .timeLimit(.minutes(3)))
struct DeliveryTests {
    private static let loopback = ["LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8"]

    /// Hands a job in by HTTP, takes it and completes it.
    private static func complete(_ server: TestServer, key: String, callback: String) async throws {
        let taken = try await server.client.post(
            "/api/v1/intake", key: key, #"{"workflow": "w", "payload": {"a": 1}, "callback_url": "\#(callback)"}"#
        )
        #expect(taken.status == 202, "\(taken.text)")
        let claimed = try await server.client.post("/api/v1/worker/claim", key: key, #"{"worker": "me"}"#)
        let job = try #require(claimed.json["jobs"]?.array?.first)
        let id = try #require(job["job_id"]?.string)
        let token = try #require(job["lease_token"].map(JSONText.string))
        let done = try await server.client.post(
            "/api/v1/worker/jobs/\(id)/complete", key: key, #"{"lease_token": \#(token), "result": {"words": 3}}"#
        )
        #expect(done.status == 200, "\(done.text)")
    }

    /// Whether one of the signatures is that of Standard Webhooks: HMAC-SHA256 over id, timestamp and the exact bytes.
    private static func isSigned(_ hook: HookReceiver.Hook, by secret: String) throws -> Bool {
        let key = try #require(Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
        let id = try #require(hook.headers["webhook-id"])
        let timestamp = try #require(hook.headers["webhook-timestamp"])
        let code = HMAC<SHA256>.authenticationCode(
            for: Data("\(id).\(timestamp).".utf8) + Data(hook.body), using: SymmetricKey(data: key)
        )
        let expected = "v1," + Data(code).base64EncodedString()
        return try #require(hook.headers["webhook-signature"]).split(separator: " ").contains { $0 == expected }
    }

    @Test("A finished job's webhook is signed with the account's secret, and sent again after a 500 under the same id")
    func retried() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await database.run(
                "update outbox.retry_step set wait_seconds = 0.05")
            let key = try await database.key(try await database.account("hooks"))
            let receiver = try HookReceiver(statuses: [500, 200])
            defer { receiver.stop() }
            try await TestServer.with(database, Self.loopback) { server in
                let shown = try await server.client.send("POST", "/api/v1/signing-secret", key: key)
                #expect(shown.status == 201, "\(shown.text)")
                let secret = try #require(shown.json["secret"]?.string)
                #expect(secret.hasPrefix("whsec_"))
                #expect(try await server.client.send("POST", "/api/v1/signing-secret", key: key).status == 409)

                try await Self.complete(server, key: key, callback: "http://127.0.0.1:\(receiver.port)/hook")
                try await eventually("it came twice") { receiver.hooks.count == 2 }
                try await database.until("select state = 'done' from outbox.message_status")
                let hooks = receiver.hooks
                for hook in hooks { #expect(try Self.isSigned(hook, by: secret)) }
                #expect(hooks[0].headers["webhook-id"] == hooks[1].headers["webhook-id"])
                #expect(hooks[0].body == hooks[1].body)
                let body = try JSONParser.parse(String(decoding: hooks[0].body, as: UTF8.self))
                #expect(body["type"]?.string == "job.succeeded")
                #expect(
                    try await database.text(
                        "select string_agg(outcome || ' ' || status, ', ' order by number) from outbox.attempt")
                        == "rejected 500, delivered 200"
                )

                // After a rotation both secrets sign for a while.
                let rotated = try await server.client.post(
                    "/api/v1/signing-secret/rotate", key: key, #"{"overlap_seconds": 600}"#)
                let second = try #require(rotated.json["secret"]?.string)
                #expect(second != secret)
                try await Self.complete(server, key: key, callback: "http://127.0.0.1:\(receiver.port)/hook")
                try await eventually("it came a third time") { receiver.hooks.count == 3 }
                #expect(try Self.isSigned(receiver.hooks[2], by: secret))
                #expect(try Self.isSigned(receiver.hooks[2], by: second))
            }
        }
    }

    @Test(
        "Without leave, no connection is made to this machine, by address or by name",
        arguments: ["127.0.0.1", "localhost", "2130706433", "0.0.0.0"])
    func refused(host: String) async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key(try await database.account("hooks"))
            let receiver = try HookReceiver(statuses: [200])
            defer { receiver.stop() }
            try await TestServer.with(database) { server in
                try await Self.complete(server, key: key, callback: "http://\(host):\(receiver.port)/hook")
                try await database.until("select state = 'dead' from outbox.message_status")
                #expect(try await database.text("select kind from outbox.attempt") == "address_refused")
                #expect(receiver.connections == 0)
            }
        }
    }

    @Test("Five hundred messages of two accounts all arrive, each under an id of its own")
    func many() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let accounts = [try await database.account("one"), try await database.account("two")]
            let receiver = try HookReceiver(statuses: [200])
            defer { receiver.stop() }
            try await TestServer.with(database, Self.loopback) { _ in
                for account in accounts {
                    try await database.run(
                        "select outbox.send_webhook($1::uuid, $2, 'test.sent', jsonb_build_object('n', n)) from generate_series(1, 250) as n",
                        [.text(account), .text("http://127.0.0.1:\(receiver.port)/hook")]
                    )
                }
                try await database.until("select count(*) = 500 from outbox.message_status where state = 'done'")
                #expect(Set(receiver.hooks.compactMap { $0.headers["webhook-id"] }).count == 500)
            }
        }
    }

    @Test("A transfer under way when the server stops is finished and reported")
    func stops() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let account = try await database.account("one")
            let receiver = try HookReceiver(statuses: [200])
            defer { receiver.stop() }
            try await TestServer.with(database, Self.loopback) { server in
                try await database.run(
                    "select outbox.send_webhook($1::uuid, $2, 'test.sent', '{}') from generate_series(1, 100)",
                    [.text(account), .text("http://127.0.0.1:\(receiver.port)/hook")]
                )
                try await eventually("one has arrived") { !receiver.hooks.isEmpty }
                try await server.stop()
            }
            // Whatever was claimed was reported: nothing hangs under a lease.
            #expect(
                try await database.text("select count(*) from outbox.delivery where lease_token is not null") == "0")
        }
    }
}
