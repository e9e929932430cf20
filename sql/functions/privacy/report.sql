-- Runs of data retention as people see them, and the table of policies for the documentation.

create or replace view privacy.run_report with (security_invoker = true) as
select
    r.run_id,
    pg_catalog.bool_or(r.is_dry_run) as is_dry_run,
    min(r.requested_by) as requested_by,
    min(r.began_at) as began_at,
    case when not pg_catalog.bool_or(r.state = 'open') then max(r.finished_at) end as finished_at,
    case
        when pg_catalog.bool_or(r.state = 'open') then 'open'
        when pg_catalog.bool_or(r.state = 'failed') then 'failed'
        when pg_catalog.bool_or(r.state = 'locked') then 'locked'
        when pg_catalog.bool_or(r.state = 'out of time') then 'out of time'
        else 'done'
    end as state,
    pg_catalog.count(*)::integer as tables,
    pg_catalog.sum(r.rows)::bigint as rows,
    pg_catalog.sum(r.held)::bigint as held,
    pg_catalog.sum(r.partitions)::integer as partitions,
    pg_catalog.sum(r.batches)::integer as batches,
    max(r.longest_ms) as longest_ms
from privacy.run as r
group by r.run_id;
comment on view privacy.run_report is 'Runs of data retention with the sums over their tables; each table is in privacy.run.';
comment on column privacy.run_report.run_id is 'the run';
comment on column privacy.run_report.is_dry_run is 'true: rows were counted, and nothing went';
comment on column privacy.run_report.requested_by is 'who asked for it; system: the clock';
comment on column privacy.run_report.began_at is 'when it began';
comment on column privacy.run_report.finished_at is 'when it ended; null: it is open';
comment on column privacy.run_report.state is 'open; or the worst of its tables: failed, locked, out of time, done';
comment on column privacy.run_report.tables is 'tables it looked at';
comment on column privacy.run_report.rows is 'rows that went or were anonymised; of a dry run, that would';
comment on column privacy.run_report.held is 'rows that are too old and stay because of a legal hold';
comment on column privacy.run_report.partitions is 'partitions dropped; of a dry run, that would be';
comment on column privacy.run_report.batches is 'steps it took';
comment on column privacy.run_report.longest_ms is 'milliseconds of its longest statement';
grant select on privacy.run_report to levqor_dba;

create or replace function privacy.show_table_run(p_run privacy.run)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'table', p_run.table_name,
        'way', p_run.way,
        'state', p_run.state,
        'before', p_run.cutoff_at,
        'rows', p_run.rows,
        'rows_are_estimated', p_run.rows_are_estimated,
        'held', p_run.held,
        'partitions', p_run.partitions,
        'batches', p_run.batches,
        'longest_ms', p_run.longest_ms,
        'worked_ms', round(p_run.worked_ms::numeric, 3),
        'finished_at', p_run.finished_at,
        'sqlstate', p_run.sqlstate,
        'error', p_run.error
    )
$$;
comment on function privacy.show_table_run(privacy.run) is
$$What a run did in a table, as JSON.$$;

create or replace function privacy.show_run(p_run privacy.run_report)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('retrun', p_run.run_id),
        'is_dry_run', p_run.is_dry_run,
        'requested_by', p_run.requested_by,
        'state', p_run.state,
        'began_at', p_run.began_at,
        'finished_at', p_run.finished_at,
        'rows', p_run.rows,
        'held', p_run.held,
        'partitions', p_run.partitions,
        'batches', p_run.batches,
        'longest_ms', p_run.longest_ms
    )
$$;
comment on function privacy.show_run(privacy.run_report) is
$$A run of data retention with the sums over its tables, as JSON.$$;

create or replace function privacy.show_hold(p_hold privacy.hold)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('hold', p_hold.id),
        'account_id', core.show_id('acct', p_hold.account_id),
        'user_id', core.show_id('user', p_hold.user_id),
        'person_id', p_hold.person_id,
        'table', p_hold.table_name,
        'reason', p_hold.reason,
        'state', case
            when p_hold.released_at is not null then 'released'
            when p_hold.until_at <= core.now() then 'over'
            when p_hold.from_at > core.now() then 'ahead'
            else 'in force'
        end,
        'from', p_hold.from_at,
        'until', p_hold.until_at,
        'placed_by', p_hold.placed_by,
        'placed_at', p_hold.placed_at,
        'released_at', p_hold.released_at,
        'released_by', p_hold.released_by,
        'released_reason', p_hold.released_reason
    )
$$;
comment on function privacy.show_hold(privacy.hold) is
$$A legal hold as clients see it.$$;

create or replace function privacy.show_policy(p_policy privacy.retention)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'table', p_policy.table_name,
        'way', p_policy.way,
        'kept_for', privacy.say_interval(p_policy.kept_for),
        'kept_seconds', extract(epoch from p_policy.kept_for)::bigint,
        'clock_column', p_policy.clock_column,
        'setting', p_policy.setting,
        'task', p_policy.task,
        'parent', p_policy.parent,
        'is_enabled', p_policy.is_enabled,
        'has_personal_data', p_policy.has_personal_data,
        'heeds_holds', p_policy.heeds_holds,
        'reason', p_policy.reason,
        'legal_basis', p_policy.legal_basis,
        'is_changed', p_policy.is_changed,
        'last_run', case when p_policy.last_began_at is not null then jsonb_build_object(
            'began_at', p_policy.last_began_at, 'state', p_policy.last_state, 'rows', p_policy.last_rows, 'held', p_policy.last_held
        ) end
    )
$$;
comment on function privacy.show_policy(privacy.retention) is
$$A policy of data retention as clients see it, with the last run of its table.$$;

create or replace function privacy.say_interval(p_interval interval)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_interval is null then null
        when extract(year from p_interval) * 12 + extract(month from p_interval) > 0
            then concat(extract(year from p_interval) * 12 + extract(month from p_interval), ' months')
        when extract(day from p_interval) > 0 then concat(extract(day from p_interval), ' days')
        when mod(extract(epoch from p_interval), 3600) = 0 then concat((extract(epoch from p_interval) / 3600)::bigint, ' hours')
        else concat(extract(epoch from p_interval)::bigint, ' seconds')
    end
$$;
comment on function privacy.say_interval(interval) is
$$A time that rows are kept in words: 25 months, 90 days, 24 hours, 300 seconds. Null gives null.$$;

create or replace function privacy.write_table()
returns setof text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select w.line
    from (
        select 0 as place, '' as table_name, '| table | kept | how it goes | why | basis |' as line
        union all
        select 1, '', '| --- | --- | --- | --- | --- |'
        union all
        select
            2, r.table_name,
            format(
                '| `%s`%s | %s | %s | %s | %s |', r.table_name, case when r.has_personal_data then ' ●' else '' end,
                case
                    when r.kept_for is null then case r.way
                        when 'keep' then 'not by age' when 'passing' then 'in passing' else 'as its parent'
                    end
                    else privacy.say_interval(r.kept_for) || ' after `' || r.clock_column || '`'
                end,
                case r.way
                    when 'drop_partition' then 'partition dropped'
                    when 'delete' then 'deleted in batches'
                    when 'anonymise' then 'anonymised in batches'
                    when 'own_task' then format('task `%s`', r.task)
                    when 'with_parent' then format('with `%s`', r.parent)
                    when 'passing' then case when r.task is null then 'by the work itself' else format('task `%s`', r.task) end
                    else 'stays'
                end || case when r.setting is not null then format(', setting `%s`', r.setting) else '' end,
                r.reason, r.legal_basis
            )
        from privacy.retention as r
    ) as w
    order by w.place, w.table_name collate "C"
$$;
comment on function privacy.write_table() is
$$All policies as the lines of a Markdown table, as in docs/explanation/data-retention.md. ●: rows can tell of a person.$$;
