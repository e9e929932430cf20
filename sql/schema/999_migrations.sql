-- The migrations that schema/ already includes, one row a file of sql/migrations: a fresh database does not take them
-- again. Loaded last, so a database with core but without a row here was not installed to its end.
insert into core.migration (number, name) values
(1, 'baseline');
