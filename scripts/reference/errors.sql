select '# Errors

Made from `core.error_code` by `scripts/reference.sh`. Do not edit.

Every error is an RFC 9457 problem with `type`, `title`, `status`, `code`, `request_id`, and where it may be told `detail`,
`hint` and `errors`. `code` is the slug below, and `type` is `/problems/SLUG`, a page that explains it. A row of two
characters covers its class of SQLSTATEs; five characters win. An SQLSTATE that is not here answers 500.

| SQLSTATE | status | code | title | text shown |
| --- | --- | --- | --- | --- |';
select format('| `%s` | %s | `%s` | %s | %s |', e.sqlstate, e.status, e.slug, pg_temp.cell(e.title), case when e.is_shown then 'yes' else 'no' end)
from core.error_code as e
order by e.sqlstate collate "C";
select '
"Text shown: no" means that message and detail go to the log only; of a violated constraint the client is told the rule in
its name. The server itself answers some requests before they reach the database, with the same form: a body too large, a
path that does not exist, JSON that is none.';
