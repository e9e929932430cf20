@testable import LevqorPG

/// Routes that ask the outside before they answer.
enum CallOutRoutes {
    /// `/t/ask` (POST) asks the URL it is given; each half leaves a row in api.asked, and the second tells what it was told
    /// and who it is. `/t/ask-again` asks as often as `times` says.
    static let sql = """
        create table api.asked (
            n integer generated always as identity primary key, half text, name text, request text, account uuid, key uuid,
            outcome jsonb);

        create function api.t_ask(
            p_url text, p_name text default 'x', p_timeout_ms integer default 10000, p_signer jsonb default null,
            p_continue text default 'api.t_asked'
        ) returns http.response language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
        begin
            insert into api.asked (half, name, request, account, key)
            values ('first', p_name, core.current_request(), core.current_account(), core.current_key());
            return http.call_out(
                jsonb_build_object('url', p_url, 'method', 'POST', 'headers', '{"X-Name": "outside"}'::jsonb,
                    'body', jsonb_build_object('name', p_name), 'timeout_ms', p_timeout_ms, 'signer', p_signer),
                p_continue, jsonb_build_object('name', p_name));
        end $$;
        select http.register_route('POST', '/t/ask', 'api.t_ask', p_domain => 'test', p_is_metered => true,
            p_request_schema => '{"type": "object"}');

        create function api.t_asked(p_state jsonb, p_outcome jsonb) returns http.response
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
        begin
            insert into api.asked (half, name, request, account, key, outcome) values (
                'second', p_state ->> 'name', core.current_request(), core.current_account(), core.current_key(),
                p_outcome);
            if p_outcome ->> 'state' <> 'done' then
                return http.refuse_call_out(p_outcome);
            end if;
            return http.json(200, jsonb_build_object(
                'name', p_state ->> 'name', 'outcome', p_outcome, 'account', core.current_account(),
                'request', core.current_request(), 'leftover', current_setting('levqor.wait_until', true)));
        end $$;

        create function api.t_ask_again(p_url text, p_times integer) returns http.response language sql stable
        security definer set search_path = pg_catalog, pg_temp as $$
            select http.call_out(
                jsonb_build_object('url', p_url), 'api.t_asked_again', jsonb_build_object('url', p_url, 'left', p_times))
        $$;
        create function api.t_asked_again(p_state jsonb, p_outcome jsonb) returns http.response language sql stable
        security definer set search_path = pg_catalog, pg_temp as $$
            select case when (p_state ->> 'left')::integer > 1 then http.call_out(
                jsonb_build_object('url', p_state ->> 'url'), 'api.t_asked_again',
                p_state || jsonb_build_object('left', (p_state ->> 'left')::integer - 1))
            else http.json(200, p_outcome) end
        $$;
        select http.register_route('GET', '/t/ask-again', 'api.t_ask_again', p_domain => 'test',
            p_parameters => '{"times": {"type": "integer"}}');
        """

    static func install(_ database: TestDatabase) async throws {
        try await TestRoutes.install(database)
        try await database.script(sql)
    }

    static let loopback = ["LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8"]

    /// The body of `/t/ask`: a URL of a receiver, and more members.
    static func body(_ port: Int, _ more: String = "") -> String {
        #"{"url": "http://127.0.0.1:\#(port)/outside"\#(more)}"#
    }

    /// A database with the routes, a receiver, a server that may reach it, and the key of an account.
    static func with(
        _ receiver: HookReceiver, _ variables: [String: String] = loopback,
        _ body: (TestDatabase, TestServer, _ key: String) async throws -> Void
    ) async throws {
        defer { receiver.stop() }
        try await TestDatabase.with { database in
            try await install(database)
            let key = try await database.key(try await database.account("asks"))
            try await TestServer.with(database, variables) { try await body(database, $0, key) }
        }
    }
}
