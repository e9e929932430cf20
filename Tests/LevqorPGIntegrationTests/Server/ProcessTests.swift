import Foundation
import Testing

@testable import LevqorPG

@Suite("The server as a process", .timeLimit(.minutes(3)))
struct ProcessTests {
    @Test("SIGTERM drains: parked requests are answered, running ones end, and it exits in peace")
    func drains() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await ServerProcess.with(database) { server in
                let parked = try (0..<5).map { _ in
                    try server.client.begin(
                        "POST", "/api/v1/worker/claim", key: key, #"{"worker": "w", "wait_seconds": 60}"#)
                }
                try await eventually("they are parked") {
                    try await server.admin.get("/metrics").text.contains("\nlevqor_parked_requests 5\n")
                }
                let busy = try server.client.begin("POST", "/t/busy-alone", key: key, #"{"gate": "open"}"#)
                try await database.until(
                    "select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')"
                )
                #expect(try await server.admin.get("/ready").status == 200)
                server.signal(SIGTERM)
                for socket in parked { #expect(try await socket.response().status == 204) }
                // Not ready, but alive, while the last request runs.
                try await eventually("it is not ready") { try await server.admin.get("/ready").status == 503 }
                #expect(try await server.admin.get("/ready").text.contains("stopping"))
                #expect(try await server.admin.get("/health").status == 200)
                #expect(throws: POSIXError.self) { try server.client.begin("GET", "/health") }
                try await database.run("insert into api.gate values ('open')")
                #expect(try await busy.response().status == 200)
                #expect(try await server.end() == 0, "\(server.log)")
                #expect(!FileManager.default.fileExists(atPath: server.folder + "/server.json"))
                try await database.until(
                    "select not exists (select from pg_stat_activity where datname = current_database() and application_name like 'levqor-server%')"
                )
            }
        }
    }

    @Test("While it drains by LEVQOR_DRAIN_SECONDS, the public address says that it is not ready, and parked ones go")
    func drainSeconds() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key()
            try await ServerProcess.with(database, ["LEVQOR_DRAIN_SECONDS": "15"]) { server in
                let parked = try server.client.begin(
                    "POST", "/api/v1/worker/claim", key: key, #"{"worker": "w", "wait_seconds": 60}"#)
                try await eventually("it is parked") {
                    try await server.admin.get("/metrics").text.contains("\nlevqor_parked_requests 1\n")
                }
                server.signal(SIGTERM)
                #expect(try await parked.response().status == 204)
                let ready = try await server.client.get("/ready")
                #expect(ready.status == 503)
                #expect(ready.text.contains("stopping"))
                #expect(try await server.client.get("/health").status == 200)
            }
        }
    }

    @Test("A server that ends leaves the server.json of another one")
    func otherServersFile() async throws {
        try await TestDatabase.with { database in
            try await ServerProcess.with(database) { server in
                let file = server.folder + "/server.json"
                let other = #"{"pid":1,"url":"http://127.0.0.1:1"}"#
                try Data(other.utf8).write(to: URL(fileURLWithPath: file))
                server.signal(SIGTERM)
                #expect(try await server.end() == 0)
                #expect(try String(contentsOfFile: file, encoding: .utf8) == other)
            }
        }
    }

    @Test("An idle server ends at once on SIGINT too")
    func idle() async throws {
        try await TestDatabase.with { database in
            try await ServerProcess.with(database) { server in
                let response = try await server.client.get("/health")
                #expect(response.status == 200)
                server.signal(SIGINT)
                #expect(try await server.end() == 0, "\(server.log)")
            }
        }
    }

    @Test("A server that is stopping does not ask the database in a spin")
    func noSpin() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await ServerProcess.with(database) { server in
                let busy = try server.client.begin("POST", "/t/busy-alone", key: key, #"{"gate": "open"}"#)
                try await database.until(
                    "select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')"
                )
                server.signal(SIGTERM)
                try await eventually("it is not ready") { try await server.admin.get("/ready").status == 503 }
                let count = "select sum(xact_commit)::text from pg_stat_database where datname = current_database()"
                let before = Int(try await database.text(count) ?? "") ?? 0
                try await database.run("select pg_sleep(1.5)")
                let after = Int(try await database.text(count) ?? "") ?? 0
                // A loop without a pause makes thousands in this time.
                #expect(after - before < 300)
                try await database.run("insert into api.gate values ('open')")
                #expect(try await busy.response().status == 200)
                #expect(try await server.end() == 0)
            }
        }
    }

    @Test("The log is one JSON object a line and holds no key, no secret and nothing of a body, even at level trace")
    func log() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key(try await database.account("logs"))
            let marker = "marker-" + UUID().uuidString
            let variables = ["LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8"]
            let receiver = try HookReceiver(statuses: [500, 200])
            defer { receiver.stop() }
            try await database.run("update outbox.retry_step set wait_seconds = 0.05")
            try await database.script(
                """
                create function api.t_break(p_text text) returns http.response language plpgsql volatile
                set search_path = pg_catalog, pg_temp as $$
                begin
                    perform 1 / 0;
                    return http.json(200, '{}');
                end $$;
                select http.register_route('POST', '/t/break', 'api.t_break', p_domain => 'test', p_request_schema => '{"type": "object"}');
                """
            )
            try await ServerProcess.with(database, variables) { server in
                let secret = try #require(
                    try await server.client.send("POST", "/api/v1/signing-secret", key: key).json["secret"]?.string
                )
                let hook = "http://127.0.0.1:\(receiver.port)/hook?token=\(marker)"
                let body = #"{"workflow": "w", "payload": {"text": "\#(marker)"}, "callback_url": "\#(hook)"}"#
                #expect(try await server.client.post("/api/v1/intake", key: key, body).status == 202)
                // Refusals and errors, too.
                _ = try await server.client.post(
                    "/api/v1/intake", key: key, #"{"workflow": 5, "payload": "\#(marker)"}"#)
                _ = try await server.client.post("/api/v1/intake", key: key, #"{"\#(marker)"#)
                _ = try await server.client.post("/t/store", key: key, #"{"n": "\#(marker)"}"#)
                _ = try await server.client.post("/t/touch", key: key, #"{"id": "\#(marker)", "value": "\#(marker)"}"#)
                let broken = try await server.client.post(
                    "/t/break", key: key, #"{"text": "\#(marker)"}"#, [("X-Request-Id", "broken-request")])
                #expect((400...599).contains(broken.status))
                _ = try await server.client.get("/t/hello?name=\(marker)")
                _ = try await server.client.get("/t/echo?n=\(marker)", key: key)
                _ = try await server.client.get("/t/hello", key: marker)
                let claimed = try await server.client.post("/api/v1/worker/claim", key: key, #"{"worker": "me"}"#)
                let job = try #require(claimed.json["jobs"]?.array?.first)
                _ = try await server.client.post(
                    "/api/v1/worker/jobs/\(try #require(job["job_id"]?.string))/complete", key: key,
                    #"{"lease_token": \#(try #require(job["lease_token"].map(JSONText.string))), "result": "\#(marker)"}"#
                )
                try await eventually("the webhook has gone out") { receiver.hooks.count == 2 }
                server.signal(SIGTERM)
                #expect(try await server.end() == 0)
                let log = server.log
                for (name, text) in [
                    ("key", key), ("key's tail", String(key.suffix(20))), ("secret", secret),
                    ("secret's tail", String(secret.dropFirst(6))), ("master key", TestServer.masterKey),
                    ("body", marker),
                ] {
                    #expect(
                        !log.contains(text),
                        "the log holds the \(name): \(log.split(separator: "\n").first { $0.contains(text) } ?? "")")
                }
                #expect(
                    log.contains(
                        "levqor-server \(LevqorServer.version) serves at http://127.0.0.1:\(server.client.port)"))
                let lines = try log.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
                    try JSONParser.parse(String($0))
                }
                let requests = lines.filter { $0["message"]?.string == "request" }
                let intake = try #require(requests.first { $0["http.path"]?.string == "/api/v1/intake" })
                for member in [
                    "levqor.request.id", "client.address", "http.status", "http.milliseconds", "http.method",
                    "levqor.account", "time", "level",
                ] {
                    #expect(intake[member] != nil, "no \(member)")
                }
                #expect(requests.contains { $0["levqor.request.id"]?.string == "broken-request" })
            }
        }
    }
}
