"""Transfers a second by 20 clients, durable: alone and by the hundred, over few accounts and over many."""

from __future__ import annotations

from .closed_loop import Pgbench
from .numbers_stage import NumbersStage
from .report import Figure, Report, median, ratios, spread

CLIENTS, FEW, MANY = 20, 50, 10_000
OPEN = """
select count(*) from generate_series(1, {many}) as n
cross join lateral ledger.open_account('bench:' || n, 'USD', 'asset', p_account_id => '{account}') as a
"""
ONE = """\\set a random(1, {accounts})
\\set b random(1, {accounts} - 1)
\\set c case when :b >= :a then :b + 1 else :b end
select 1 / (count(*) = 1)::integer from ledger.transfer_many(
    jsonb_build_array(jsonb_build_object(
        'id', gen_random_uuid(), 'from', 'bench:' || :a, 'to', 'bench:' || :c,
        'amount_minor', 100, 'currency', 'USD'
    )), '{account}'
);
"""
HUNDRED = """\\set seed random(1, 2000000000)
select 1 / (count(*) = 100)::integer from ledger.transfer_many(
    (
        select jsonb_agg(jsonb_build_object(
            'id', gen_random_uuid(), 'from', 'bench:' || p.a, 'to', 'bench:' || (1 + (p.a + p.b) % {accounts}),
            'amount_minor', 100, 'currency', 'USD'
        ))
        from (
            select
                1 + (abs(hashint8(:seed + n))::bigint % {accounts}) as a,
                abs(hashint8(:seed - n))::bigint % ({accounts} - 1) as b
            from generate_series(1, 100) as n
        ) as p
    ), '{account}'
);
"""


def measure(report: Report, stage: NumbersStage, plan: dict):
    stage.sql(OPEN.format(many=MANY, account=stage.account))
    pgbench = Pgbench(stage.pg_bin / "pgbench", stage.url, stage.environment, stage.work)
    for batch, script in ((1, ONE), (100, HUNDRED)):
        rates: dict[int, list[float]] = {FEW: [], MANY: []}
        paths = {}
        for accounts in rates:
            paths[accounts] = stage.work / f"transfer-{batch}-{accounts}.sql"
            paths[accounts].write_text(script.format(accounts=accounts, account=stage.account))
        for turn in range(1, plan["turns"] + 1):
            for accounts, values in rates.items():
                rate = pgbench.run(paths[accounts], CLIENTS, plan["seconds"]).rate * batch
                values.append(rate)
                print(
                    f"    turn {turn}: batches of {batch:3}, {accounts:6} accounts {rate:9.0f} transfers/s", flush=True
                )
        for accounts, title in ((MANY, "uncontended"), (FEW, f"{FEW} contended accounts")):
            report.add(
                Figure(
                    f"ledger: {CLIENTS} clients, batches of {batch}, {title}",
                    median(rates[accounts]),
                    "transfers/s",
                    spread=spread(rates[accounts]),
                )
            )
        compared = ratios(rates[FEW], rates[MANY])
        report.add(
            Figure(
                f"ledger: batches of {batch}, contended to uncontended",
                median(compared),
                "ratio",
                0.5,
                spread=spread(compared),
            )
        )
    wrong = stage.sql(
        "select count(*) from (select a.currency, sum(e.amount_minor) as rest from ledger.entry as e"
        " inner join ledger.account as a on a.account_id = e.account_id and a.id = e.ledger_account_id"
        " group by a.currency) as s where s.rest <> 0"
    )
    report.add(
        Figure("ledger: currencies whose entries do not sum to zero", int(wrong), "currencies", 0, is_at_most=True)
    )
