import Testing

@testable import LevqorPG

@Suite("Answers without the database, over HTTP", .timeLimit(.minutes(3)))
struct MemoryAnswerTests {
    private static let batched = "levqor_batched_calls_total"

    /// What SQL says to a call of a route with this key.
    private static func answerOfSQL(_ database: TestDatabase, key: String?) async throws -> TestResponse {
        let result = try await database.run(
            """
            select a.status, a.headers, a.body
            from http.route as r
            cross join lateral http.handle_many(
                array['memory-answer'], array[r.id], array[r.version], array[$1::text], array['127.0.0.1'],
                array[null], array['{}'], array['{}'], array['{}'::jsonb]
            ) as a
            where r.method = 'POST' and r.path = '/t/touch'
            """,
            [key.map(PostgresParameter.text) ?? .null]
        )
        let row = try #require(result.first)
        let headers = try JSONParser.parse(row.string(1) ?? "{}").object?.members ?? []
        let lines = headers.map { "\($0.name): \($0.value.string ?? "")\r\n" }.joined()
        return try TestResponse(
            Array("HTTP/1.1 \(row.int(0) ?? 0) Status\r\n\(lines)\r\n\(row.string(2) ?? "")".utf8))
    }

    @Test("A key that cannot be one is refused as SQL refuses an unknown one, and no key as SQL refuses none")
    func keys() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await database.run("delete from keys.api_key")
            try await TestServer.with(database) { server in
                let calls = try await server.figure(Self.batched)
                for (sent, like) in [(String(key.dropLast()), key), ("lvk_live_nonsense", key), ("", key), (nil, nil)] {
                    let expected = try await Self.answerOfSQL(database, key: like)
                    let response = try await server.client.post(
                        "/t/touch", key: sent, "not looked at", [("X-Request-Id", "memory-answer")])
                    #expect(response.status == 401)
                    #expect(response.status == expected.status)
                    #expect(response.json == expected.json)
                    for header in expected.headers { #expect(response.header(header.name) == header.value) }
                }
                #expect(try await server.figure(Self.batched) == calls)
                // One that could be a key is asked about.
                #expect(try await server.client.post("/t/touch", key: key).status == 401)
                #expect(try await server.figure(Self.batched) == calls + 1)
                // Where none is needed a bad one does no harm.
                #expect(try await server.client.get("/t/hello", key: "lvk_live_nonsense").status == 200)
            }
        }
    }

    @Test("A constant route answers from memory: body unread, HEAD, entity tags; a change of its row counts at once")
    func constants() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await database.script(
                """
                insert into http.route (method, path, domain, access, constant)
                values ('GET', '/t/constant', 'test', 'public',
                    '{"status": 200, "headers": {"ETag": "\\"1\\"", "Cache-Control": "max-age=5"}, "body": "{\\"a\\": 1}"}');
                insert into http.route (method, path, domain, access, limit_class, constant, request_schema)
                values ('POST', '/t/constant', 'test', 'public', 'write', '{"status": 202, "body": "taken"}', 'true');
                """
            )
            try await TestServer.with(database) { server in
                let client = server.client
                let calls = try await server.figure(Self.batched)
                let get = try await client.get("/t/constant")
                #expect(get.status == 200)
                #expect(get.text == #"{"a": 1}"#)
                #expect(get.header("content-type") == "application/json")
                #expect(get.header("cache-control") == "max-age=5")
                #expect(get.header("x-content-type-options") == "nosniff")
                #expect(get.header("x-request-id") != nil)
                let head = try await client.send("HEAD", "/t/constant")
                #expect(head.status == 200 && head.body.isEmpty && head.header("content-length") == "8")
                let known = try await client.get("/t/constant", [("If-None-Match", "W/\"1\"")])
                #expect(known.status == 304 && known.body.isEmpty)
                let post = try await client.post("/t/constant", "no JSON, and more of it than is ever read")
                #expect(post.status == 202)
                #expect(post.text == "taken")
                #expect(try await server.figure(Self.batched) == calls)
                try await database.script(
                    #"update http.route set constant = '{"status": 410}' where path = '/t/constant' and method = 'GET'"#
                )
                try await eventually("the new answer is given") { try await client.get("/t/constant").status == 410 }
            }
        }
    }

    @Test("A constant that is not for everybody stops a boot, by its route's name")
    func closed() async throws {
        try await TestDatabase.with { database in
            try await database.script(
                """
                insert into http.route (method, path, domain, access, constant)
                values ('GET', '/t/constant', 'test', 'key', '{"status": 200}')
                """
            )
            let error = try await #require(throws: PostgresError.self) { try await TestServer.start(database.url) }
            #expect(error.detail?.contains("GET /t/constant") == true)
        }
    }

    @Test("An Idempotency-Key that is none is refused; where it has no meaning it is not looked at")
    func idempotencyKey() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let header = [("Idempotency-Key", "\"open")]
                let post = try await server.client.post("/t/touch", key: key, #"{"id": 1, "value": "x"}"#, header)
                #expect(post.status == 400)
                #expect(post.code == "bad-request")
                for byte: UInt8 in [0x01, 0x7f, 0xe9] {
                    let head = "POST /t/touch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: \(key)\r\n"
                    let value = Array("Idempotency-Key: a".utf8) + [byte] + Array("b\r\n\r\n".utf8)
                    #expect(try await server.client.raw(Array(head.utf8) + value).status == 400, "\(byte)")
                }
                #expect(try await server.client.get("/t/echo", key: key, header).status == 200)
            }
        }
    }
}
