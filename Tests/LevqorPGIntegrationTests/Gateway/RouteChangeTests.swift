import Testing

@testable import LevqorPG

@Suite("Routes change while the server runs", .timeLimit(.minutes(3)))
struct RouteChangeTests {
    @Test("A route that is disabled in psql is gone, and comes back, without a restart")
    func disable() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await TestServer.with(database) { server in
                #expect(try await server.client.get("/t/hello?name=a").text == #"{"hello": "a"}"#)
                try await database.run("update http.route set is_enabled = false where path = '/t/hello'")
                // The call after the change is stale, whether or not the word of it has come.
                #expect(try await server.client.get("/t/hello").status == 404)
                try await database.run("update http.route set is_enabled = true where path = '/t/hello'")
                try await eventually("the route is back") { try await server.client.get("/t/hello").status == 200 }
            }
        }
    }

    @Test("A new function and a new row are a new route")
    func newRoute() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await TestServer.with(database) { server in
                #expect(try await server.client.get("/t/new/7").status == 404)
                try await database.script(
                    """
                    create function api.t_new(p_id integer) returns http.response language sql stable
                    set search_path = pg_catalog, pg_temp as $$ select http.json(200, to_jsonb(p_id)) $$;
                    insert into http.route (method, path, function, domain, access, parameters)
                    values ('GET', '/t/new/{id}', 'api.t_new', 'test', 'public', '{"id": {"type": "integer"}}');
                    """
                )
                try await eventually("the route is there") { try await server.client.get("/t/new/7").status == 200 }
                #expect(try await server.client.get("/t/new/7").text == "7")
                #expect(try await server.client.get("/t/new/x").status == 422)
            }
        }
    }

    @Test("A route moved to another function answers by it at once")
    func moved() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await TestServer.with(database) { server in
                let key = try await database.key()
                #expect(try await server.client.get("/t/hello").json["hello"] != nil)
                try await database.run("update http.route set function = 'api.t_echo' where path = '/t/hello'")
                for _ in 0..<5 { #expect(try await server.client.get("/t/hello", key: key).json["square"] != nil) }
                // Now it asks for a key, which the version before did not.
                try await database.run("update http.route set access = 'key' where path = '/t/hello'")
                #expect(try await server.client.get("/t/hello").status == 401)
            }
        }
    }

    @Test("A row that fits no function stops the boot by its name, and leaves a running server as it was")
    func badRow() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let server = try await TestServer.start(database.url)
            try await database.script(
                """
                insert into http.route (method, path, function, domain, access)
                values ('GET', '/t/bad', 'api.t_missing', 'test', 'public');
                """
            )
            #expect(try await server.client.get("/t/hello").status == 200)
            #expect(try await server.client.get("/t/bad").status == 404)
            // The bad row takes no other change down with it, not even one that has to be loaded.
            try await database.run("update http.route set is_sensitive = not is_sensitive where path = '/t/hello'")
            #expect(try await server.client.get("/t/hello").status == 200)
            try await database.run(
                #"update http.route set request_schema = '{"type": "objct"}' where path = '/t/busy'"#)
            try await database.script(
                "select http.register_route('GET', '/t/new', 'api.t_hello', p_domain => 'test', p_access => 'public')")
            try await eventually("the new route is there") { try await server.client.get("/t/new").status == 200 }
            #expect(try await server.client.get("/t/hello").status == 200)
            #expect(try await server.client.post("/t/busy").status == 404)
            let error = try await postgresError { try await TestServer.start(database.url) }
            #expect(error.detail?.contains("GET /t/bad") == true)
            #expect(error.detail?.contains("api.t_missing") == true)
            try await server.stop()
        }
    }

    @Test("A schema that does not compile stops the boot by the route's name")
    func badSchema() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await database.run(
                #"update http.route set request_schema = '{"type": "objct"}' where path = '/t/busy'"#
            )
            let error = await #expect(throws: RouteError.self) { try await TestServer.start(database.url) }
            #expect(error?.route == "POST /t/busy")
        }
    }
}
