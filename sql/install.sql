-- The whole database with psql alone, for a fresh database:
--     psql -X -v ON_ERROR_STOP=1 -1 -d DATABASE -f sql/install.sql
-- As a superuser, or as another login that
--   - has CREATEROLE, or, where the roles of 000_roles.sql are there already, is a member of levqor_owner and levqor_server
--     (from PostgreSQL 16 on CREATEROLE alone is not enough for roles that another login made: let that one, or a superuser,
--     run `grant levqor_owner, levqor_server to LOGIN`);
--   - owns the database, or may pass on the right to create schemas in it: levqor_owner gets that right from it. A plain
--     `grant create on database DATABASE to LOGIN` is not enough: it ends with "no privileges were granted" and then
--     "permission denied for database". What suffices is `grant create on database DATABASE to LOGIN with grant option`, or,
--     when the roles are there, `grant create on database DATABASE to levqor_owner`.
-- `levqor-server migrate` reads the same list, so this is the one order of loading: floor by floor, a domain's state before
-- its rules, core first.
set client_min_messages = warning;
set check_function_bodies = off;
\o /dev/null

\ir schema/000_roles.sql
\ir schema/005_rights.sql

\ir schema/010_core.sql
\ir functions/core/ids.sql
\ir functions/core/halves.sql
\ir functions/core/clock.sql
\ir functions/core/context.sql
\ir functions/core/errors.sql
\ir functions/core/seed.sql
\ir functions/core/deploy.sql
\ir functions/core/history.sql
\ir functions/core/compact.sql
\ir functions/core/partitions.sql
\ir functions/core/held.sql

\ir schema/020_http.sql
\ir functions/http/response.sql
\ir functions/http/csv.sql
\ir functions/http/routes.sql
\ir functions/http/openapi.sql
\ir functions/http/page.sql
\ir functions/http/docs.sql
\ir functions/http/problems.sql
\ir functions/http/well_known.sql
\ir functions/http/idempotency.sql
\ir functions/http/call_out.sql
\ir functions/http/handle_many.sql
\ir functions/http/read_many.sql

\ir schema/100_identity.sql
\ir functions/identity/account.sql
\ir functions/identity/user.sql
\ir schema/110_keys.sql
\ir functions/keys/authenticate.sql
\ir functions/keys/manage.sql
\ir schema/130_audit.sql
\ir functions/audit/record.sql

\ir schema/200_quota.sql
\ir functions/quota/month.sql
\ir functions/quota/tiers.sql
\ir functions/quota/announce.sql
\ir functions/quota/usage.sql
\ir functions/quota/guardrails.sql
\ir functions/quota/charge.sql
\ir schema/210_limits.sql
\ir functions/limits/admit.sql
\ir schema/230_access.sql
\ir functions/access/days.sql
\ir functions/access/record.sql
\ir functions/access/explain.sql
\ir functions/access/overview.sql

\ir schema/300_outbox.sql
\ir functions/outbox/days.sql
\ir functions/outbox/plan.sql
\ir functions/outbox/send.sql
\ir functions/outbox/signing.sql
\ir functions/outbox/publish.sql
\ir functions/outbox/receive.sql
\ir functions/outbox/gate.sql
\ir functions/outbox/deliver.sql
\ir functions/outbox/log.sql
\ir functions/outbox/endpoints.sql
\ir functions/outbox/replay.sql

\ir schema/305_mail.sql
\ir functions/mail/templates.sql
\ir functions/mail/suppress.sql
\ir functions/mail/send.sql
\ir functions/mail/outcome.sql

\ir schema/310_schedule.sql
\ir functions/schedule/cron.sql
\ir functions/schedule/slots.sql
\ir functions/schedule/run_due.sql
\ir functions/schedule/problems.sql
\ir functions/schedule/manage.sql
\ir functions/http/tasks.sql
\ir functions/outbox/tasks.sql
\ir functions/mail/tasks.sql
\ir functions/quota/tasks.sql
\ir functions/limits/tasks.sql
\ir functions/access/tasks.sql

\ir schema/320_jobs.sql
\ir functions/jobs/state.sql
\ir functions/jobs/days.sql
\ir functions/jobs/submit.sql
\ir functions/jobs/claim.sql
\ir functions/jobs/work.sql
\ir functions/jobs/cancel.sql
\ir functions/jobs/redrive.sql
\ir functions/jobs/workers.sql
\ir functions/jobs/read.sql
\ir functions/jobs/health.sql
\ir functions/jobs/tasks.sql

\ir schema/330_inbox.sql
\ir functions/inbox/signature.sql
\ir functions/inbox/receive.sql
\ir functions/inbox/handle.sql
\ir functions/inbox/manage.sql
\ir functions/inbox/problems.sql
\ir functions/inbox/tasks.sql

\ir schema/340_alerts.sql
\ir functions/alerts/raise.sql
\ir functions/alerts/routes.sql
\ir functions/alerts/render.sql
\ir functions/alerts/send.sql
\ir functions/alerts/channels.sql
\ir functions/alerts/silences.sql
\ir functions/alerts/manage.sql
\ir functions/alerts/escalate.sql
\ir functions/alerts/watch.sql
\ir functions/alerts/tasks.sql

\ir schema/400_ledger.sql
\ir functions/ledger/guard.sql
\ir functions/ledger/accounts.sql
\ir functions/ledger/specs.sql
\ir functions/ledger/transfer.sql
\ir functions/ledger/hold.sql
\ir functions/ledger/reverse.sql
\ir functions/ledger/exchange.sql
\ir functions/ledger/rollups.sql
\ir functions/ledger/profitability.sql
\ir functions/ledger/usage.sql
\ir functions/ledger/reconcile.sql
\ir functions/ledger/http.sql
\ir functions/ledger/tasks.sql

\ir schema/500_growth.sql
\ir functions/growth/partitions.sql
\ir functions/growth/persons.sql
\ir functions/growth/identify.sql
\ir functions/growth/arrivals.sql
\ir functions/growth/events.sql
\ir functions/growth/dimensions.sql
\ir functions/growth/definition.sql
\ir functions/growth/activity.sql
\ir functions/growth/rollup.sql
\ir functions/growth/lifecycle.sql
\ir functions/growth/stickiness.sql
\ir functions/growth/cohort_counts.sql
\ir functions/growth/cohort_rollup.sql
\ir functions/growth/cohorts.sql
\ir functions/growth/window_funnel.sql
\ir functions/growth/funnel_paths.sql
\ir functions/growth/funnel_plan.sql
\ir functions/growth/funnel.sql
\ir functions/growth/funnel_persons.sql
\ir functions/growth/funnel_http.sql
\ir functions/growth/report.sql
\ir functions/growth/spend.sql
\ir functions/growth/analytics_http.sql
\ir functions/growth/admin_http.sql
\ir functions/growth/referrals.sql
\ir functions/growth/tasks.sql

\ir schema/510_ops.sql
\ir functions/ops/servers.sql
\ir functions/ops/figures.sql
\ir functions/ops/health.sql
\ir functions/ops/prometheus.sql

\ir schema/590_bi.sql
\ir functions/bi/describe.sql
\ir functions/bi/read.sql
\ir functions/bi/read_insight.sql
\ir functions/bi/roll.sql
\ir functions/bi/refresh.sql
\ir schema/595_bi_store.sql
\ir functions/bi/dims.sql
\ir functions/bi/facts.sql
\ir functions/bi/insight.sql
\ir functions/bi/tasks.sql

\ir schema/600_privacy.sql
\ir functions/privacy/policies.sql
\ir functions/privacy/holds.sql
\ir functions/privacy/work_rows.sql
\ir functions/privacy/run_retention.sql
\ir functions/privacy/report.sql
\ir functions/privacy/retention_http.sql
\ir functions/privacy/tasks.sql
\ir functions/privacy/subject.sql
\ir functions/privacy/catalogue.sql
\ir functions/privacy/rules.sql
\ir functions/privacy/impersonal.sql
\ir functions/privacy/certificate.sql
\ir functions/privacy/erase_rows.sql
\ir functions/privacy/erase_person.sql
\ir functions/privacy/after_erasure.sql
\ir functions/privacy/export_person.sql
\ir functions/privacy/erasure_http.sql
\ir functions/privacy/kept.sql

-- Last: it says that all of the above is there.
\ir schema/999_migrations.sql
