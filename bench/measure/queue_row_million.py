"""What a claim costs while a million jobs are queued, beside a thousand: any job, one workflow, one account."""

from __future__ import annotations

import time

import psycopg
from harness import HarnessError

from .queue_stage import QueueStage
from .report import Figure, Report, median

ACCOUNTS, WORKFLOWS, CLAIMED = 100, 10, 10
FEW, MANY = 1_000, 1_000_000
BAR = 1.5
MAKE_ACCOUNTS = f"""
create table if not exists public.bench_account as
with made as (
    insert into identity.account (name, tier) select 'Many ' || n, 'bench' from generate_series(1, {ACCOUNTS}) as n
    returning id
)
select m.id, row_number() over () as n from made as m;
"""
# One statement for each account and some of its jobs.
SUBMIT = """
select count(*) from public.bench_account as a
cross join lateral jobs.submit_jobs(a.id, (
    select jsonb_agg(jsonb_build_object(
        'workflow', 'many-' || (s.n %% %(workflows)s), 'payload', jsonb_build_object('number', s.n)
    ))
    from generate_series(1, %(each)s) as s (n)
)) as j
"""
CLAIM = """
select array_agg(j.id), array_agg(j.lease_token), array_agg(j.account_id), array_agg(j.workflow)
from jobs.claim_jobs({}) as j
"""
CLAIMS = {
    "any job": CLAIM.format("'bench', null, %s"),
    "one workflow": CLAIM.format("'bench', '{{many-3}}', %s"),
    "one account": CLAIM.format("'bench', null, %s, 60, (select a.id from public.bench_account as a where a.n = 7)"),
}
COMPLETE = "select count(*) from jobs.complete_jobs(%s::uuid[], %s::bigint[])"
# What was claimed is handed in again, so that the queue stays as it is and no claim finds nothing.
AGAIN = """
select count(*) from (
    select j.account_id, jsonb_agg(jsonb_build_object('workflow', j.workflow, 'payload', '{}'::jsonb)) as jobs
    from unnest(%s::uuid[], %s::text[]) as j (account_id, workflow)
    group by j.account_id
) as s
cross join lateral jobs.submit_jobs(s.account_id, s.jobs) as j
"""


class Claims:
    def __init__(self, stage: QueueStage):
        self.stage = stage
        self.connection = psycopg.connect(stage.url, autocommit=True, application_name="bench-million")
        self.connection.execute("set levqor.machinery = 'on'")

    def fill(self, jobs: int):
        """Up to so many waiting, the same number for each account."""
        left = jobs - self.count()
        while left > 0:
            each = min(1000, max(1, left // ACCOUNTS))
            left -= self.connection.execute(SUBMIT, {"workflows": WORKFLOWS, "each": each}).fetchone()[0]
        # As autovacuum does after a while; a plan made before must not be what is measured.
        self.connection.execute("vacuum analyze")

    def count(self) -> int:
        return self.connection.execute("select count(*) from jobs.waiting").fetchone()[0]

    def time(self, claims: int) -> dict[str, float]:
        """Median milliseconds of each kind of claim. What is claimed is done, and handed in again."""
        times: dict[str, list[float]] = {name: [] for name in CLAIMS}
        for number in range(claims):
            for name, query in CLAIMS.items():
                began = time.perf_counter()
                ids, tokens, accounts, workflows = self.connection.execute(query, (CLAIMED,)).fetchone()
                took = (time.perf_counter() - began) * 1000
                # The first ones plan.
                if number >= 5:
                    times[name].append(took)
                if len(ids or []) != CLAIMED:
                    raise HarnessError(f"a claim of {name} gave {len(ids or [])} jobs of {CLAIMED}")
                self.connection.execute(COMPLETE, (ids, tokens))
                self.connection.execute(AGAIN, (accounts, workflows))
        return {name: median(values) for name, values in times.items()}


def measure(report: Report, stage: QueueStage, plan: dict):
    stage.start_afresh()
    stage.sql(MAKE_ACCOUNTS, machinery=False)
    claims, count, many = Claims(stage), plan["claims"], plan["many"]
    few: dict[str, list[float]] = {name: [] for name in CLAIMS}
    full: dict[str, list[float]] = {name: [] for name in CLAIMS}

    def take(into: dict[str, list[float]], jobs: int, rounds: int):
        for _ in range(rounds):
            claims.fill(jobs)
            for name, value in claims.time(count).items():
                into[name].append(value)

    took = time.monotonic()
    take(few, FEW, 3)
    began = time.monotonic()
    claims.fill(many)
    print(f"    {many} jobs handed in in {time.monotonic() - began:.0f} s", flush=True)
    take(full, many, 3)
    stage.start_afresh()
    take(few, FEW, 3)
    for name in CLAIMS:
        print(f"    {name}: {FEW} queued {few[name]} ms, {many} queued {full[name]} ms", flush=True)
    worst = max(CLAIMS, key=lambda name: median(full[name]) / median(few[name]))
    values = {name: median(full[name]) / median(few[name]) for name in CLAIMS}
    report.add(
        Figure(
            f"{many:,} queued: time of a claim of {CLAIMED}, to that with {FEW:,} ({worst})",
            values[worst],
            "ratio",
            BAR,
            is_at_most=True,
            spread=[min(full[worst]) / max(few[worst]), max(full[worst]) / min(few[worst])],
            details={
                "ratios": {name: round(value, 3) for name, value in values.items()},
                "ms_with_few": {name: [round(v, 3) for v in few[name]] for name in few},
                "ms_with_many": {name: [round(v, 3) for v in full[name]] for name in full},
                "accounts": ACCOUNTS,
                "workflows": WORKFLOWS,
                "seconds": round(time.monotonic() - took),
            },
        )
    )
