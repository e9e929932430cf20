@testable import LevqorPG

/// Routes that only tests have.
enum TestRoutes {
    /// `/t/echo` (GET) tells who calls; `/t/busy` (POST) holds its connection until a row of public.gate opens it; the
    /// others are told where they are used.
    static let sql = """
        create table api.gate (name text primary key);
        create table api.thing (id integer primary key, value text not null default '');
        insert into api.thing values (1), (2), (3);
        create table api.number (n integer primary key, account uuid);

        create function api.t_echo(p_n integer default 0) returns http.response language plpgsql stable
        set search_path = pg_catalog, pg_temp as $$
        begin
            return http.json(200, jsonb_build_object(
                'n', p_n, 'square', p_n::bigint * p_n, 'account', core.current_account(), 'key', core.current_key(),
                'address', core.current_address(), 'request', core.current_request(),
                'leftover', current_setting('levqor.wait_until', true)));
        end $$;
        select http.register_route('GET', '/t/echo', 'api.t_echo', p_domain => 'test', p_parameters => '{"n": {"type": "integer"}}');

        create function api.t_hello(p_name text default 'you') returns http.response language sql stable
        set search_path = pg_catalog, pg_temp as $$ select http.json(200, jsonb_build_object('hello', p_name)) $$;
        select http.register_route('GET', '/t/hello', 'api.t_hello', p_domain => 'test', p_access => 'public');

        create function api.t_busy(p_gate text) returns http.response language plpgsql volatile
        set search_path = pg_catalog, pg_temp as $$
        begin
            for i in 1 .. 400 loop
                if exists (select from api.gate as g where g.name = p_gate) then exit; end if;
                perform pg_sleep(0.01);
            end loop;
            return http.json(200, '{"busy": "over"}');
        end $$;
        select http.register_route('POST', '/t/busy', 'api.t_busy', p_domain => 'test', p_request_schema => '{"type": "object"}');
        select http.register_route('POST', '/t/busy-alone', 'api.t_busy', p_domain => 'test', p_lane => 'alone', p_timeout_ms => 20000,
            p_request_schema => '{"type": "object"}');

        create function api.t_peek(p_gate text) returns http.response language plpgsql stable
        set search_path = pg_catalog, pg_temp as $$
        begin
            if not exists (select from api.gate as g where g.name = p_gate) then perform pg_sleep(20); end if;
            return http.json(200, '{"peek": "open"}');
        end $$;
        select http.register_route('GET', '/t/peek', 'api.t_peek', p_domain => 'test', p_lane => 'alone', p_timeout_ms => 30000);

        create function api.t_touch(p_id integer, p_value text) returns http.response language plpgsql volatile
        set search_path = pg_catalog, pg_temp as $$
        begin
            update api.thing as t set value = p_value where t.id = p_id;
            return http.json(200, jsonb_build_object('value', p_value));
        end $$;
        select http.register_route('POST', '/t/touch', 'api.t_touch', p_domain => 'test', p_request_schema => '{"type": "object"}');

        create function api.t_store(p_n integer) returns http.response language plpgsql volatile
        set search_path = pg_catalog, pg_temp as $$
        begin
            insert into api.number values (p_n, core.current_account());
            return http.json(200, jsonb_build_object('stored', p_n, 'account', core.current_account()));
        end $$;
        select http.register_route('POST', '/t/store', 'api.t_store', p_domain => 'test', p_request_schema => '{"type": "object"}');

        create function api.t_slow() returns http.response language plpgsql volatile
        set search_path = pg_catalog, pg_temp as $$
        begin
            perform pg_sleep(30);
            return http.json(200, '{}');
        end $$;
        select http.register_route('POST', '/t/slow', 'api.t_slow', p_domain => 'test', p_lane => 'alone', p_timeout_ms => 200);

        create function api.t_forever() returns http.response language sql volatile
        set search_path = pg_catalog, pg_temp as $$ select http.wait(array['never'], core.now() - interval '1 hour') $$;
        select http.register_route('POST', '/t/forever', 'api.t_forever', p_domain => 'test');
        """

    static func install(_ database: TestDatabase) async throws {
        try await database.script(sql)
        try await database.withoutLimits()
    }
}
