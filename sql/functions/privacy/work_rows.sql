-- One batch of data retention: which rows it takes, and how many. privacy.work_step() calls it and commits after it.
--
-- Locks: see run_retention.sql.

create or replace function privacy.age_condition(p_table text, p_column text, p_cutoff timestamptz)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return format('t.%I < %L::%s', p_column, privacy.cutoff_text(p_table, p_column, p_cutoff), privacy.clock_type(p_table, p_column));
end;
$$;
comment on function privacy.age_condition(text, text, timestamptz) is
$$SQL condition on a row t of a table: whether its clock says that it is from before p_cutoff.$$;

create or replace function privacy.cutoff_text(p_table text, p_column text, p_cutoff timestamptz)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return case privacy.clock_type(p_table, p_column)
        when 'uuid' then jobs.first_id_at(p_cutoff)::text
        -- A day is too old once all of it is.
        when 'date' then to_char(p_cutoff at time zone 'UTC', 'YYYY-MM-DD')
        else to_char(p_cutoff at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"')
    end;
end;
$$;
comment on function privacy.cutoff_text(text, text, timestamptz) is
$$The first value of a clock column that is not from before p_cutoff, as text: a time, a day (UTC), or the lowest id of the time.$$;

create or replace function privacy.can_seek(p_relation regclass, p_column text)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from pg_index as i
        inner join pg_class as c on c.oid = i.indexrelid
        inner join pg_am as m on m.oid = c.relam
        inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = p_relation and i.indisvalid and i.indpred is null and m.amname = 'btree' and a.attname = p_column
    )
$$;
comment on function privacy.can_seek(regclass, text) is
$$Whether a table has an index that begins with the column: then old rows are found without reading the others.$$;

create or replace function privacy.next_partition(
    p_table text, p_column text, p_cutoff timestamptz, p_after text, out partition text, out upper_bound text
)
returns record
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format(
        'select b.partition, b.bound::text from (select p.partition, p.told::%2$s as bound from ('
        'select i.inhrelid::regclass::text as partition, '
        '(regexp_match(pg_get_expr(c.relpartbound, c.oid), %1$L))[1] as told '
        -- Fenced: bounds of other tables are of other types.
        'from pg_inherits as i inner join pg_class as c on c.oid = i.inhrelid where i.inhparent = $1 offset 0) as p '
        ') as b where b.bound <= $2::%2$s and ($3 is null or b.bound > $3::%2$s) order by b.bound limit 1',
        'TO \(''([^'']*)''\)', privacy.clock_type(p_table, p_column)
    )
    into partition, upper_bound
    using to_regclass(p_table), privacy.cutoff_text(p_table, p_column, p_cutoff), p_after;
end;
$$;
comment on function privacy.next_partition(text, text, timestamptz, text) is
$$The oldest partition of a table that is from before p_cutoff as a whole, with its upper bound; nulls when there is none. p_after: only
those that end after this bound.$$;

create or replace function privacy.run_timed(p_statement text, out rows bigint, out held bigint, out ms double precision)
returns record
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_began_at timestamptz := clock_timestamp();
begin
    execute p_statement into rows, held;
    ms := round(extract(epoch from clock_timestamp() - v_began_at) * 1000, 3);
end;
$$;
comment on function privacy.run_timed(text) is
$$Execute a statement that gives two numbers, and tell them and how many milliseconds it took.$$;

create or replace function privacy.add_time(p_run privacy.run, p_ms double precision)
returns privacy.run
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    p_run.longest_ms := greatest(p_run.longest_ms, p_ms);
    p_run.worked_ms := p_run.worked_ms + p_ms;
    return p_run;
end;
$$;
comment on function privacy.add_time(privacy.run, double precision) is
$$A run with the time of one more statement.$$;

create or replace function privacy.work_rows(
    p_run privacy.run, p_policy privacy.policy, p_relation regclass, p_age text, p_held text
)
returns privacy.run
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
-- Places are kept as text from one session to the next.
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $$
declare
    v_run privacy.run := p_run;
    v_target double precision := core.integer_setting('privacy.batch_ms');
    v_seeks boolean := p_run.way in ('delete', 'anonymise') and privacy.can_seek(p_relation, p_policy.clock_column);
    v_type text := privacy.clock_type(p_run.table_name, p_policy.clock_column);
    v_cutoff text := privacy.cutoff_text(p_run.table_name, p_policy.clock_column, p_run.cutoff_at);
    v_low text;
    v_high text;
    v_blocks bigint;
    v_block bigint;
    v_pages bigint;
    v_window text;
    v_limit integer;
    v_old text;
    v_free text;
    v_changes text;
    v_rows bigint;
    v_held bigint;
    v_ms double precision;
    v_count_ms double precision;
    v_is_window_done boolean := true;
    v_began_at timestamptz := clock_timestamp();
begin
    -- The window: a stretch of the clock's index, or of the file. Along the index it holds batch_rows rows, or more of one
    -- moment; the place moves on past it, so that no batch steps over what earlier ones removed.
    v_limit := case when v_seeks then 2 * v_run.batch_rows else v_run.batch_rows end;
    if v_seeks then
        v_low := p_run.place ->> 'low';
        execute format(
            'select (select t.%1$I::text from only %2$s as t where %3$s and %4$s order by t.%1$I offset %5$s limit 1)',
            p_policy.clock_column, p_relation,
            case when v_low is null then 'true' else format('t.%I >= %L::%s', p_policy.clock_column, v_low, v_type) end,
            p_age, v_run.batch_rows
        ) into v_high;
        -- More rows of one moment than a batch takes: the window is this moment.
        if v_high = v_low then
            execute format(
                'select (select t.%1$I::text from only %2$s as t where t.%1$I > %3$L::%4$s and %5$s order by t.%1$I limit 1)',
                p_policy.clock_column, p_relation, v_low, v_type, p_age
            ) into v_high;
        end if;
        v_run := privacy.add_time(v_run, round(extract(epoch from clock_timestamp() - v_began_at) * 1000, 3)::double precision);
        v_window := concat_ws(
            ' and ', case when v_low is not null then format('t.%I >= %L::%s', p_policy.clock_column, v_low, v_type) end,
            format('t.%I < %L::%s', p_policy.clock_column, coalesce(v_high, v_cutoff), v_type), p_age
        );
    else
        v_block := coalesce((p_run.place ->> 'block')::bigint, 0);
        v_pages := coalesce((p_run.place ->> 'pages')::bigint, 16);
        v_blocks := coalesce(
            (p_run.place ->> 'blocks')::bigint,
            pg_relation_size(p_relation) / current_setting('block_size')::bigint
        );
        v_window := format('t.ctid >= ''(%s,0)'' and t.ctid < ''(%s,0)'' and %s', v_block, v_block + v_pages, p_age);
    end if;
    v_old := v_window || case when p_policy.spare_if is not null then format(' and not coalesce(%s, false)', p_policy.spare_if) else '' end;
    if p_run.way = 'anonymise' then
        select
            string_agg(format('%1$I = (jsonb_populate_record(null::%2$s, %3$L)).%1$I', n.name, p_relation, p_policy.new_values), ', '),
            v_old || format(' and (%s)', string_agg(format(
                't.%1$I is distinct from (jsonb_populate_record(null::%2$s, %3$L)).%1$I', n.name, p_relation, p_policy.new_values
            ), ' or '))
        into v_changes, v_old
        from jsonb_object_keys(p_policy.new_values) as n (name);
    end if;
    v_free := v_old || case when p_held <> 'false' then format(' and (%s) is not true', p_held) else '' end;

    if p_run.is_dry_run then
        select r.rows, r.held, r.ms into v_rows, v_held, v_ms
        from privacy.run_timed(format(
            'select count(*) filter (where (%1$s) is not true), count(*) filter (where %1$s) from only %2$s as t where %3$s',
            p_held, p_relation, v_old
        )) as r;
        v_run := privacy.add_time(v_run, v_ms);
        v_run.held := v_run.held + v_held;
    else
        select r.rows, r.ms into v_rows, v_ms
        from privacy.run_timed(format(
            'with gone as (%s where d.ctid = any (array('
            'select t.ctid from only %s as t where %s limit %s for update skip locked)) returning 1) '
            'select count(*), 0 from gone',
            case
                when p_run.way = 'anonymise' then format('update only %s as d set %s', p_relation, v_changes)
                else format('delete from only %s as d', p_relation)
            end, p_relation, v_free, v_limit
        )) as r;
        v_run := privacy.add_time(v_run, v_ms);
        v_is_window_done := v_rows < v_limit;
        if v_is_window_done and p_held <> 'false' then
            select r.held, r.ms into v_held, v_count_ms
            from privacy.run_timed(format(
                'select 0, count(*) from only %s as t where %s and (%s)', p_relation, v_old, p_held
            )) as r;
            v_run := privacy.add_time(v_run, v_count_ms);
            v_run.held := v_run.held + v_held;
        end if;
    end if;
    v_run.rows := v_run.rows + v_rows;

    -- The next batch: as large as fits into the time it should take, by how long this one took.
    if v_seeks then
        v_run.batch_rows := greatest(100, least(
            20000, v_run.batch_rows * greatest(0.25, least(2, v_target / greatest(v_ms, 1)))
        ));
        v_run.place := v_run.place - 'low';
        if not v_is_window_done then
            v_run.place := v_run.place || jsonb_build_object('low', v_low, 'is_over', false);
        else
            v_run.place := v_run.place || jsonb_build_object('low', v_high, 'is_over', v_high is null);
        end if;
    else
        if v_rows > 0 then
            v_run.batch_rows := greatest(100, least(
                20000, v_run.batch_rows * greatest(0.25, least(2, v_target / greatest(v_ms, 1)))
            ));
        end if;
        if v_is_window_done then
            v_block := v_block + v_pages;
            v_pages := least(2048, v_pages * greatest(0.25, least(2, v_target / greatest(v_ms, 1))));
        else
            v_pages := v_pages / 2;
        end if;
        v_run.place := v_run.place || jsonb_build_object(
            'block', v_block, 'pages', greatest(v_pages, 4), 'blocks', v_blocks, 'is_over', v_block >= v_blocks
        );
    end if;
    return v_run;
end;
$$;
comment on function privacy.work_rows(privacy.run, privacy.policy, regclass, text, text) is
$$One batch of a run in a table or partition: delete, anonymise or count rows of the next stretch. Gives the run as it is then; the
member is_over of its place says whether the end was reached.

p_age, p_held: conditions on a row t: too old; held. Along the index of the clock where there is one, otherwise along the file.$$;

create or replace function privacy.work_partition(p_run privacy.run, p_policy privacy.policy, p_age text, p_held text)
returns privacy.run
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $$
declare
    v_run privacy.run := p_run;
    v_next record;
    v_staying text := p_held;
    v_stays boolean;
    v_estimate double precision;
    v_rows bigint;
    v_ms double precision;
begin
    if p_run.place ? 'partition' then
        -- Under way row by row; it may have been dropped since.
        if to_regclass(p_run.place ->> 'partition') is not null then
            v_run := privacy.work_rows(p_run, p_policy, to_regclass(p_run.place ->> 'partition'), p_age, p_held);
        else
            v_run.place := v_run.place || '{"is_over": true}';
        end if;
        if (v_run.place ->> 'is_over')::boolean then
            v_run.place := jsonb_build_object('after', v_run.place -> 'upper_bound', 'is_over', v_run.place ? 'is_last');
        end if;
        return v_run;
    end if;

    select n.partition, n.upper_bound into v_next
    from privacy.next_partition(p_run.table_name, p_policy.clock_column, p_run.cutoff_at, p_run.place ->> 'after') as n;
    if v_next.partition is null then
        -- At last what came into a default partition, row by row.
        select d.partdefid::regclass::text into v_next.partition
        from pg_partitioned_table as d
        where d.partrelid = to_regclass(p_run.table_name) and d.partdefid <> 0 and p_run.way = 'drop_partition';
        if v_next.partition is null then
            v_run.place := '{"is_over": true}';
        else
            v_run.place := jsonb_build_object('partition', v_next.partition, 'is_last', true, 'is_over', false);
        end if;
        return v_run;
    end if;

    if p_policy.spare_if is not null and p_run.way = 'drop_partition' then
        v_staying := format('(%s) or (%s)', p_held, p_policy.spare_if);
    end if;
    v_stays := v_staying = 'true';
    if v_staying not in ('true', 'false') then
        execute format('select exists (select from %s as t where %s)', v_next.partition, v_staying) into v_stays;
        if not v_stays and p_run.way = 'drop_partition' and not p_run.is_dry_run then
            -- Nothing that stays may come in between. The table is locked by the drop alone: it takes no time.
            execute format('lock table %s in share mode', v_next.partition);
            execute format('select exists (select from %s as t where %s)', v_next.partition, v_staying) into v_stays;
        end if;
    end if;
    if v_stays then
        v_run.place := jsonb_build_object(
            'partition', v_next.partition, 'upper_bound', v_next.upper_bound, 'is_over', false
        );
        return v_run;
    end if;
    v_run.place := jsonb_build_object('after', v_next.upper_bound, 'is_over', false);
    if p_run.way = 'own_task' then
        return v_run;
    end if;
    select c.reltuples into v_estimate from pg_class as c where c.oid = v_next.partition::regclass;
    if v_estimate >= 0 and pg_relation_size(v_next.partition::regclass) > 67108864 then
        v_rows := v_estimate;
        v_run.rows_are_estimated := true;
    else
        select r.rows, r.ms into v_rows, v_ms
        from privacy.run_timed(format('select count(*), 0 from %s', v_next.partition)) as r;
        v_run := privacy.add_time(v_run, v_ms);
    end if;
    if not p_run.is_dry_run then
        select r.ms into v_ms from privacy.run_timed(format('select privacy.drop_partition(%L), 0', v_next.partition)) as r;
        v_run := privacy.add_time(v_run, v_ms);
    end if;
    v_run.rows := v_run.rows + v_rows;
    v_run.partitions := v_run.partitions + 1;
    return v_run;
end;
$$;
comment on function privacy.work_partition(privacy.run, privacy.policy, text, text) is
$$One step of a run in a partitioned table: drop the oldest partition that is too old as a whole; or, where rows of it are held or
spared by the policy, one batch of its other rows. Of the table of an own task partitions are not dropped here. Gives the run as it is
then.$$;

create or replace function privacy.drop_partition(p_partition regclass)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('drop table %s', p_partition);
    return 1;
end;
$$;
comment on function privacy.drop_partition(regclass) is
$$Drop a partition, as a function, so that a run takes its time. Gives 1.$$;
