-- Policies of data retention: checked when they are written, so that a run meets none that can not be carried out.

create or replace trigger policy_notes_local_columns
before update on privacy.policy
for each row execute function core.note_local_columns();

create or replace function privacy.clock_type(p_table text, p_column text)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select format_type(a.atttypid, null)
    from pg_attribute as a
    where a.attrelid = to_regclass(p_table) and a.attname = p_column and a.attnum > 0 and not a.attisdropped
$$;
comment on function privacy.clock_type(text, text) is
$$The type of a table's column; null when there is none.$$;

create or replace function privacy.find_fault(p_policy privacy.policy)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass := to_regclass(p_policy.table_name);
    v_kind "char";
    v_is_partition boolean;
    v_type text;
    v_key text;
    v_wrong text;
begin
    select c.relkind, c.relispartition into v_kind, v_is_partition from pg_class as c where c.oid = v_table;
    if v_kind is null or v_kind not in ('r', 'p') then
        return 'there is no such table';
    elsif v_is_partition then
        return 'it is a partition: the policy belongs to its table';
    end if;
    v_type := privacy.clock_type(p_policy.table_name, p_policy.clock_column);
    if p_policy.clock_column is not null and (v_type is null or v_type not in ('timestamp with time zone', 'date', 'uuid')) then
        return 'the clock column must be a timestamptz, a date or a UUIDv7';
    end if;
    if p_policy.way = 'drop_partition' then
        select a.attname into v_key
        from pg_partitioned_table as t
        inner join pg_attribute as a on a.attrelid = t.partrelid and a.attnum = t.partattrs[0]
        where t.partrelid = v_table and t.partstrat = 'r' and t.partnatts = 1;
        if v_key is distinct from p_policy.clock_column then
            return 'it is not partitioned by ranges of the clock column';
        end if;
    elsif p_policy.way in ('delete', 'anonymise') and v_kind = 'p' then
        return 'of a partitioned table partitions are dropped';
    end if;
    if p_policy.way = 'anonymise' then
        select n.name into v_wrong
        from jsonb_object_keys(p_policy.new_values) as n (name)
        where n.name = p_policy.clock_column or not exists (
            select from pg_attribute as a
            where a.attrelid = v_table and a.attname = n.name and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                and (not a.attnotnull or jsonb_typeof(p_policy.new_values -> n.name) <> 'null')
        )
        order by n.name
        limit 1;
        if v_wrong is not null then
            return format('the column %s can not get that value', v_wrong);
        end if;
    end if;
    if p_policy.setting is not null and jsonb_typeof((
        select s.value from core.setting as s where s.name = p_policy.setting
    )) is distinct from 'number' then
        return 'there is no such setting that is a number';
    end if;
    if p_policy.task is not null and not exists (select from schedule.task as t where t.name = p_policy.task) then
        return 'there is no such task';
    end if;
    if p_policy.parent is not null and not exists (
        select
        from pg_constraint as k
        where k.conrelid = v_table and k.confrelid = to_regclass(p_policy.parent) and k.contype = 'f' and k.confdeltype = 'c'
    ) then
        return 'it has no foreign key to that parent that deletes on cascade';
    end if;
    return null;
end;
$$;
comment on function privacy.find_fault(privacy.policy) is
$$What is wrong with a policy, in words; null when it can be carried out.$$;

create or replace function privacy.check_policy()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fault text := privacy.find_fault(new);
begin
    if v_fault is not null then
        raise exception using
            errcode = 'LQ422',
            message = format('%s can not be kept so: %s', new.table_name, v_fault),
            hint = 'See the comments of privacy.policy.';
    end if;
    if new.spare_if is not null then
        -- It must be a condition on t.
        execute format('select from %s as t where (%s) limit 0', to_regclass(new.table_name), new.spare_if);
    end if;
    return new;
end;
$$;
comment on function privacy.check_policy() is
$$Trigger: refuse (LQ422) a policy that could not be carried out, and a condition that is none.$$;

create or replace trigger policy_is_checked
before insert or update of table_name, way, clock_column, setting, new_values, spare_if, task, parent on privacy.policy
for each row execute function privacy.check_policy();

create or replace view privacy.retention with (security_invoker = true) as
select
    p.table_name,
    p.way,
    k.kept_for,
    p.clock_column,
    p.setting,
    p.task,
    p.parent,
    p.is_enabled,
    p.has_personal_data,
    p.heeds_holds,
    p.reason,
    p.legal_basis,
    pg_catalog.cardinality(p.local_columns) > 0 or p.origin = 'local' as is_changed,
    r.began_at as last_began_at,
    r.state as last_state,
    r.rows as last_rows,
    r.held as last_held
from privacy.policy as p
left join core.setting as s on s.name = p.setting
left join lateral (
    select case coalesce(p.setting_unit, 'days')
        when 'seconds' then pg_catalog.make_interval(secs => n.number)
        when 'hours' then pg_catalog.make_interval(hours => n.number)
        when 'months' then pg_catalog.make_interval(months => n.number)
        else pg_catalog.make_interval(days => n.number)
    end as kept_for
    from (
        select coalesce(p.days, (s.value #>> '{}')::numeric::integer) as number
        where p.days is not null or s.value is not null
    ) as n
) as k on true
left join lateral (
    select l.began_at, l.state, l.rows, l.held
    from privacy.run as l
    where l.table_name = p.table_name and not l.is_dry_run
    order by l.began_at desc
    limit 1
) as r on true;
comment on view privacy.retention is
'Data retention at a glance: how long each table''s rows are kept, how they go, why, and what the last run did.';
comment on column privacy.retention.table_name is 'the table';
comment on column privacy.retention.way is 'how its rows go, see privacy.policy';
comment on column privacy.retention.kept_for is 'how long a row is kept, by the policy or the setting it names; null: not by age';
comment on column privacy.retention.clock_column is 'what a row''s age is counted from';
comment on column privacy.retention.setting is 'setting that says how long; null: the policy';
comment on column privacy.retention.task is 'task that removes the rows; null: data retention, or none';
comment on column privacy.retention.parent is 'table whose rows take these along';
comment on column privacy.retention.is_enabled is 'false: data retention leaves it alone';
comment on column privacy.retention.has_personal_data is 'whether a row can tell of a person';
comment on column privacy.retention.heeds_holds is 'false: legal holds do not reach it';
comment on column privacy.retention.reason is 'why so long and not longer';
comment on column privacy.retention.legal_basis is 'what allows or demands it';
comment on column privacy.retention.is_changed is 'whether the operator made or changed the policy';
comment on column privacy.retention.last_began_at is 'begin of the last run of the table, dry runs left out';
comment on column privacy.retention.last_state is 'how that one ended, see privacy.run';
comment on column privacy.retention.last_rows is 'rows it removed or anonymised';
comment on column privacy.retention.last_held is 'rows it left because of a legal hold';
grant select on privacy.retention to levqor_dba;

create or replace function privacy.find_policy(p_table text)
returns privacy.policy
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy privacy.policy;
begin
    select p.* into v_policy from privacy.policy as p where p.table_name = p_table;
    if not found then
        raise exception using
            errcode = 'LQ404',
            message = 'no policy for this table',
            hint = 'Name it with its schema, as in audit.entry. GET /api/admin/retention-policies lists them.';
    end if;
    return v_policy;
end;
$$;
comment on function privacy.find_policy(text) is
$$The policy of a table, by schema.name. Raises LQ404.$$;

create or replace function privacy.change_policy(p_table text, p_days integer default null, p_is_enabled boolean default null)
returns privacy.policy
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old privacy.policy := privacy.find_policy(p_table);
    v_policy privacy.policy;
begin
    if num_nonnulls(p_days, p_is_enabled) = 0 then
        raise exception using errcode = 'LQ422', message = 'there is nothing to change', hint = 'Say days, or is_enabled.';
    elsif v_old.way not in ('drop_partition', 'delete', 'anonymise') then
        raise exception using
            errcode = 'LQ422',
            message = 'data retention does not remove rows of this table',
            detail = format('Its way is %s.', v_old.way),
            hint = case when v_old.setting is not null then format('Change the setting %s instead.', v_old.setting) else '' end;
    elsif p_days is not null and v_old.setting is not null then
        raise exception using
            errcode = 'LQ422',
            message = 'a setting says how long this table is kept',
            hint = format('Change the setting %s instead.', v_old.setting);
    elsif p_days < 1 or p_days > 36500 then
        raise exception using errcode = 'LQ422', message = 'days must be 1 to 36500';
    end if;
    update privacy.policy as p
    set days = coalesce(p_days, p.days), is_enabled = coalesce(p_is_enabled, p.is_enabled)
    where p.table_name = v_old.table_name
    returning p.* into v_policy;
    perform audit.record(
        'privacy.change_policy', v_policy.table_name, p_facts => jsonb_build_object(
            'days', v_policy.days, 'days_before', v_old.days, 'is_enabled', v_policy.is_enabled,
            'is_enabled_before', v_old.is_enabled
        )
    );
    return v_policy;
end;
$$;
comment on function privacy.change_policy(text, integer, boolean) is
$$Keep a table's rows for another number of days, or switch its policy off or on: select privacy.change_policy('audit.sensitive_call', 90).

null leaves a thing as it is. It counts from the next run on, and through deploys. Where a setting says how long, change the setting:
that is refused here. Raises LQ404, LQ422.$$;

create or replace function privacy.list_gaps()
returns table (table_name text, has_account boolean)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        format('%s.%s', n.nspname, c.relname),
        exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped)
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_'
        and n.nspname not in ('information_schema', 'public', 'test')
        and not exists (select from privacy.policy as p where p.table_name = format('%s.%s', n.nspname, c.relname))
    order by 1
$$;
comment on function privacy.list_gaps() is
$$Tables without a policy: select * from privacy.list_gaps(). Those of the product are the reference tables, whose rows the product or
the operator writes by hand. has_account: it has rows of accounts, and so should have a policy.$$;
