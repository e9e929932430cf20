-- Every partition is analyzed as seldom as its kind needs.
begin;
select plan(2);

select access.make_days(), growth.make_months(current_date, current_date);
select is_empty(
    $$select c.oid::regclass
    from pg_class as c
    inner join pg_inherits as i on i.inhrelid = c.oid
    where c.relkind = 'r' and c.relname !~ '_default$'
        and c.reloptions is distinct from (select array_agg(o.option) from regexp_split_to_table(
            replace(core.partition_options(), ' = ', '='), ', '
        ) as o (option))$$,
    'all partitions have the options'
);
select cmp_ok(
    (select count(*) from pg_inherits as i inner join pg_class as c on c.oid = i.inhrelid
    where 'autovacuum_analyze_threshold=100000' = any (c.reloptions)), '>', 10::bigint, 'and there are partitions'
);

select * from finish();
rollback;
