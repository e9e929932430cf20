"""The body of an intake, as both peers check it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Url = Annotated[
    str, StringConstraints(min_length=1, max_length=1024, pattern=r"^(?i:https?)://[!-\"$-.0->A-Z\[\]^-~]+")
]
# Refusals of bench.baseline_intake.
STATUSES = {"unknown key": 401, "forbidden": 403, "quota": 429, "rate": 429}


class Intake(BaseModel):
    model_config = ConfigDict(extra="forbid")

    workflow: Annotated[str, Field(min_length=1, max_length=128)]
    payload: dict[str, Any]
    callback_url: Url | None = None
    priority: Literal["low", "normal", "high"] = "normal"
