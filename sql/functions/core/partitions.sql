-- What partitions of tables that only grow have in common.

-- Inlinable.
create or replace function core.partition_options()
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select 'autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 0.5, '
        'autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_insert_scale_factor = 0.5'
$$;
comment on function core.partition_options() is
$$Storage parameters of a partition whose rows come once and stay: the text for WITH.

Its rows are found by keys, in plans that need no statistics to be right. While it is filled, PostgreSQL would analyze it every
quarter of a minute, which takes a processor for half a second each time: 30,000 rows are read, with all their documents.$$;
