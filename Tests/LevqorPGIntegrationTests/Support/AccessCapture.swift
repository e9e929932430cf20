@testable import LevqorPG

/// Stands in the database where the access record is written, and keeps what the server says, as it says it.
enum AccessCapture {
    static let sql = """
        create table access.captured (
            server text, dropped bigint, at timestamptz, request_id text, account_id uuid, key_id uuid, route text,
            status integer, micros bigint, bytes_in bigint, bytes_out bigint, address_hash bytea, rate_limit text,
            rate_limit_policy text, decision jsonb);
        create table access.trouble (sqlstate text);
        create or replace function access.record_many(
            p_server text, p_dropped bigint, p_times timestamptz[], p_request_ids text[], p_account_ids uuid[],
            p_key_ids uuid[], p_routes text[], p_statuses integer[], p_micros bigint[], p_bytes_in bigint[],
            p_bytes_out bigint[], p_address_hashes bytea[], p_rate_limits text[], p_rate_limit_policies text[],
            p_decisions text[]
        ) returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
        declare
            v_sqlstate text := (select t.sqlstate from access.trouble as t);
        begin
            if v_sqlstate = 'hangs' then
                perform pg_sleep(60);
            elsif v_sqlstate is not null then
                raise exception using errcode = v_sqlstate, message = 'trouble';
            end if;
            insert into access.captured
            select p_server, p_dropped, r.* from unnest(
                p_times, p_request_ids, p_account_ids, p_key_ids, p_routes, p_statuses, p_micros, p_bytes_in,
                p_bytes_out, p_address_hashes, p_rate_limits, p_rate_limit_policies, p_decisions::jsonb[]
            ) as r;
            if cardinality(p_times) = 0 then
                insert into access.captured (server, dropped) values (p_server, p_dropped);
            end if;
        end $$;
        grant execute on function access.record_many(
            text, bigint, timestamptz[], text[], uuid[], uuid[], text[], integer[], bigint[], bigint[], bigint[],
            bytea[], text[], text[], text[]) to levqor_server;
        """

    static func install(_ database: TestDatabase) async throws {
        try await database.run("create schema if not exists access authorization levqor_owner")
        try await database.run("grant usage on schema access to levqor_server")
        try await database.script(sql)
    }

    /// From now on the record is refused with this SQLSTATE, or hangs with "hangs"; nil: it is taken.
    static func trouble(_ database: TestDatabase, _ sqlstate: String?) async throws {
        try await database.run("delete from access.trouble")
        if let sqlstate { try await database.run("insert into access.trouble values ($1)", [.text(sqlstate)]) }
    }
}
