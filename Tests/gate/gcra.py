"""A model of GCRA, in whole microseconds, that owes nothing to the SQL it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def to_text(moment: int) -> str:
    return (EPOCH + timedelta(microseconds=moment)).isoformat()


@dataclass
class Policy:
    """A rate policy as the reference describes it: quota tokens a window, burst at once; a call takes cost of them."""

    name: str
    scope: str
    quota: int
    window: int
    burst: int
    cost: int = 1
    is_shadow: bool = False

    @property
    def emission(self) -> int:
        """Microseconds that a call takes; only for policies where it is whole."""
        whole, rest = divmod(self.window * 1_000_000 * self.cost, self.quota)
        assert rest == 0, f"{self.name} has no whole emission interval"
        return whole

    @property
    def tolerance(self) -> int:
        return self.window * 1_000_000 * self.burst // self.quota


@dataclass
class Model:
    """GCRA by the book (ITU-T I.371, virtual scheduling): one time of arrival a bucket, no other state."""

    policies: list[Policy]
    full_at: dict[tuple[str, str], int] = field(default_factory=dict)

    def room(self, policy: Policy, subject: str, now: int) -> int:
        """How many calls the bucket admits at this moment."""
        start = max(self.full_at.get((policy.name, subject), now), now)
        return max(0, (now + policy.tolerance - start) // policy.emission)

    def find_due(self, policy: Policy, caller: Caller) -> int:
        """From when on the policy admits one more call."""
        full_at = self.full_at.get((policy.name, caller.subjects[policy.scope]), 0)
        return full_at + policy.emission - policy.tolerance

    def charge(self, subjects: dict[str, str], now: int, calls: int):
        for policy in self.policies:
            bucket = (policy.name, subjects[policy.scope])
            self.full_at[bucket] = max(self.full_at.get(bucket, now), now) + calls * policy.emission

    def is_tight(self, subjects: dict[str, str], now: int) -> bool:
        """Whether some policy refuses one more call of this caller."""
        return any(
            self.room(policy, subjects[policy.scope], now) < 1 for policy in self.policies if not policy.is_shadow
        )


@dataclass(frozen=True)
class Call:
    """A call by the real clock: when it began and ended (microseconds), who made it, and whether it was admitted."""

    begin: int
    end: int
    caller: Caller
    is_admitted: bool


def find_wrong_refusals(policies: list[Policy], calls: list[Call]) -> list[tuple[Call, int]]:
    """Refused calls that were due, however the times within the calls fell; with microseconds since when, at least.

    The later its charges came, the later a bucket is whole: so each admitted call that may have come before the refused
    one counts, at the latest time it can have been charged.
    """
    admitted = sorted((call for call in calls if call.is_admitted), key=lambda call: call.end)
    done, model, wrong = 0, Model(policies), []
    for refused in sorted((call for call in calls if not call.is_admitted), key=lambda call: call.end):
        while done < len(admitted) and admitted[done].end <= refused.end:
            model.charge(admitted[done].caller.subjects, admitted[done].end, 1)
            done += 1
        latest = Model(policies, dict(model.full_at))
        for under_way in admitted[done:]:
            if under_way.begin <= refused.end:
                latest.charge(under_way.caller.subjects, refused.end, 1)
        due_at = [latest.find_due(policy, refused.caller) for policy in policies]
        if refused.begin >= max(due_at):
            wrong.append((refused, refused.begin - max(due_at)))
    return wrong


@dataclass(frozen=True)
class Caller:
    """An address that calls with one account's key: buckets of address, account and all contain each other, so that the
    number of admitted calls does not hang on their order."""

    address: str
    account: str
    key: str

    @property
    def subjects(self) -> dict[str, str]:
        # IPv6 by its /64.
        address = self.address.replace("::7", "::/64")
        return {"address": address, "account": self.account, "all": "*"}
