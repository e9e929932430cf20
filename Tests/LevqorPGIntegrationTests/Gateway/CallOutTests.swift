import Foundation
import Testing

@testable import LevqorPG

@Suite("Calls to the outside before the answer", .timeLimit(.minutes(3)))
struct CallOutTests {
    @Test("The outside's answer is in the response, both halves are one request of one account, and it is charged once")
    func used() async throws {
        let receiver = try HookReceiver(statuses: [201], answer: #"{"price": 42}"#)
        try await CallOutRoutes.with(receiver) { database, server, key in
            let response = try await server.client.post(
                "/t/ask", key: key, CallOutRoutes.body(receiver.port, #", "name": "naïve ☃""#),
                [("X-Request-Id", "request-of-it")])
            #expect(response.status == 200, "\(response.text)")
            #expect(response.json["name"]?.string == "naïve ☃")
            #expect(response.json["outcome"]?["body"]?.string == #"{"price": 42}"#)
            #expect(response.json["outcome"]?["status"].map(JSONText.string) == "201")
            #expect(response.json["outcome"]?["state"]?.string == "done")
            #expect(response.json["request"]?.string == "request-of-it")
            #expect(["", nil].contains(response.json["leftover"]?.string))

            let hook = try #require(receiver.hooks.first)
            #expect(receiver.hooks.count == 1)
            #expect(hook.line == "POST /outside HTTP/1.1")
            #expect(hook.headers["x-name"] == "outside")
            #expect(hook.headers["content-type"] == "application/json")
            #expect(try JSONParser.parse(String(decoding: hook.body, as: UTF8.self))["name"]?.string == "naïve ☃")
            #expect(
                try await database.text(
                    "select string_agg(half, ',' order by n) || count(distinct (request, account, key)) from api.asked")
                    == "first,second1")
            #expect(try await database.text("select sum(used) from quota.usage") == "1")
        }
    }

    @Test("The same Idempotency-Key again gets the stored answer, and the outside is asked once")
    func idempotent() async throws {
        let receiver = try HookReceiver(statuses: [200], answer: "once", isHeld: true)
        try await CallOutRoutes.with(receiver) { database, server, key in
            let headers = [("Idempotency-Key", "to-continue")]
            let first = try server.client.begin("POST", "/t/ask", key: key, CallOutRoutes.body(receiver.port), headers)
            try await eventually("the outside is asked") { receiver.hooks.count == 1 }
            // While it is under way, nobody else begins it.
            let busy = try await server.client.post("/t/ask", key: key, CallOutRoutes.body(receiver.port), headers)
            #expect(busy.status == 409)
            #expect(busy.code == "idempotency-key-in-use")
            receiver.letGo()
            let answer = try await first.response()
            #expect(answer.status == 200, "\(answer.text)")
            let again = try await server.client.post("/t/ask", key: key, CallOutRoutes.body(receiver.port), headers)
            #expect(again.status == 200)
            #expect(again.header("idempotent-replayed") == "true")
            #expect(again.body == answer.body)
            #expect(receiver.hooks.count == 1)
            #expect(try await database.text("select count(*) from api.asked") == "2")
        }
    }

    @Test("While the outside is slow, no transaction is open and the only connection serves others")
    func noConnection() async throws {
        let receiver = try HookReceiver(statuses: [200], isHeld: true)
        try await CallOutRoutes.with(receiver, CallOutRoutes.loopback.merging(["LEVQOR_CONNECTIONS": "1"]) { $1 }) {
            database, server, key in
            let open = try (0..<20).map { _ in
                try server.client.begin("POST", "/t/ask", key: key, CallOutRoutes.body(receiver.port))
            }
            try await eventually("all ask the outside") { receiver.hooks.count == 20 }
            #expect(try await server.figure("levqor_call_outs_in_flight") == 20)
            for _ in 0..<5 { #expect(try await server.client.get("/t/hello").status == 200) }
            #expect(
                try await database.text(
                    """
                    select count(*) from pg_stat_activity
                    where datname = current_database() and application_name like 'levqor-server-%' and xact_start is not null
                        and state <> 'active'
                    """) == "0")
            // The first halves are committed.
            #expect(try await database.text("select count(*) from api.asked") == "20")
            receiver.letGo()
            for socket in open { #expect(try await socket.response().status == 200) }
        }
    }

    @Test("Continuations of two accounts in one batch keep to their own account, state and outcome")
    func strangers() async throws {
        let receiver = try HookReceiver(statuses: [200], isHeld: true)
        try await CallOutRoutes.with(receiver, CallOutRoutes.loopback.merging(["LEVQOR_CONNECTIONS": "1"]) { $1 }) {
            database, server, first in
            let accounts = [
                try await database.text("select account_id from keys.api_key"), try await database.account("other"),
            ]
            let keys = [first, try await database.key(accounts[1])]
            let open = try (0..<40).map { number in
                try server.client.begin(
                    "POST", "/t/ask", key: keys[number % 2],
                    CallOutRoutes.body(receiver.port, #", "name": "n\#(number)""#),
                    [("X-Request-Id", "request-\(number)-x")])
            }
            try await eventually("all ask the outside") { receiver.hooks.count == 40 }
            receiver.letGo()
            for (number, socket) in open.enumerated() {
                let response = try await socket.response()
                #expect(response.status == 200, "\(response.text)")
                #expect(response.json["name"]?.string == "n\(number)")
                #expect(response.json["account"]?.string == accounts[number % 2])
                #expect(response.json["request"]?.string == "request-\(number)-x")
            }
        }
    }

    @Test("A continuation may call out three times more, and a reading route may too; then it is refused")
    func again() async throws {
        let receiver = try HookReceiver(statuses: [200], answer: "fine")
        try await CallOutRoutes.with(receiver) { _, server, key in
            let url = "http%3A%2F%2F127.0.0.1%3A\(receiver.port)%2F"
            let four = try await server.client.get("/t/ask-again?times=4&url=\(url)", key: key)
            #expect(four.status == 200, "\(four.text)")
            #expect(four.json["body"]?.string == "fine")
            #expect(receiver.hooks.count == 4)
            let five = try await server.client.get("/t/ask-again?times=5&url=\(url)", key: key)
            #expect(five.status == 500)
            #expect(receiver.hooks.count == 8)
        }
    }

    @Test("A request is signed with a credential that the server alone knows, and one that it does not know is named")
    func signed() async throws {
        let receiver = try HookReceiver(statuses: [200])
        let variables = CallOutRoutes.loopback.merging(["LEVQOR_CREDENTIAL_OUTSIDE_KEY": "open sesame"]) { $1 }
        try await CallOutRoutes.with(receiver, variables) { database, server, key in
            func ask(_ name: String) async throws -> TestResponse {
                try await server.client.post(
                    "/t/ask", key: key,
                    CallOutRoutes.body(receiver.port, #", "signer": {"scheme": "bearer", "credential": "\#(name)"}"#))
            }
            #expect(try await ask("outside.key").status == 200)
            #expect(receiver.hooks.first?.headers["authorization"] == "Bearer open sesame")
            #expect(try await ask("another").status == 502)
            #expect(receiver.hooks.count == 1)
            let outcome = try await database.text(
                "select outcome::text from api.asked where outcome ->> 'kind' is not null")
            #expect(outcome?.contains("credential_missing") == true)
            #expect(outcome?.contains("LEVQOR_CREDENTIAL_ANOTHER") == true)
            #expect(try await database.text("select count(*) from api.asked as a where a::text like '%sesame%'") == "0")
        }
    }
}
