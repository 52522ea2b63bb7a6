"""Versioned rules with an effect date. A visit pins the version it began with; limits marked live are read at the moment."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.kernel.clock import business_day, end_of


class Rules(BaseModel):
    """One version's numbers. Seconds, months, counts. Floors of the law are code and not here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    draft_s: int = Field(ge=1)
    """From opening to a chosen slot."""
    hold_s: int = Field(ge=1)
    """From a chosen slot to money; always shorter than the HIS's own lock."""
    lock_margin_s: int = Field(ge=0)
    """The hold ends this much before the HIS's lock does."""
    order_margin_s: int = Field(ge=0)
    """A channel order expires this much before the hold."""
    too_late_s: int = Field(ge=0)
    """With less of the hold left no order is opened any more."""
    remind_before_s: int = Field(ge=1)
    enter_s: int = Field(ge=1)
    """To enter the consulting room after a call; then called again, then 过号."""
    calls_max: int = Field(ge=1)
    accept_remind_s: int = Field(ge=1)
    """After check-in, the doctor is reminded; after as much again, 门诊办."""
    window_months: int = Field(ge=1)
    intake_chars_min: int = Field(ge=1)
    unpaid_holds_max: int = Field(ge=1)
    """Live: unpaid holds of one patient a day."""


class Policy(BaseModel):
    """A version of a line of rules: `standard` in life, `test` with short deadlines where a test wants to reach each."""

    model_config = ConfigDict(frozen=True)
    version: str
    line: Literal["standard", "test"]
    effective_at: datetime
    rules: Rules

    def hold_until(self, now: datetime, lock_expires_at: datetime) -> datetime:
        """The hold's end: the rule's, and before the HIS's lock in any case."""
        return min(now + timedelta(seconds=self.rules.hold_s), lock_expires_at - timedelta(seconds=self.rules.lock_margin_s))

    def order_until(self, hold_until: datetime) -> datetime:
        """The channel's `time_expire`."""
        return hold_until - timedelta(seconds=self.rules.order_margin_s)

    def remind_at(self, now: datetime, starts_at: datetime, ends_at: datetime) -> datetime:
        """When to remind; a booking made later than that is not reminded, its next time is the end of the 就诊单元."""
        at = starts_at - timedelta(seconds=self.rules.remind_before_s)
        return at if at > now else ends_at

    def accept_until(self, starts_at: datetime, unit_ends_at: datetime) -> datetime:
        """Not accepted by then is 退诊: the end of the visit day, and never before the 就诊单元's own end."""
        return max(end_of(business_day(starts_at)), unit_ends_at)


STANDARD = Rules(
    draft_s=30 * 60,
    hold_s=15 * 60,
    lock_margin_s=120,
    order_margin_s=60,
    too_late_s=120,
    remind_before_s=30 * 60,
    enter_s=5 * 60,
    calls_max=2,
    accept_remind_s=30 * 60,
    window_months=6,
    intake_chars_min=10,
    unpaid_holds_max=5,
)
TEST = STANDARD.model_copy(
    update={
        "draft_s": 20,
        "hold_s": 18,
        "lock_margin_s": 2,
        "order_margin_s": 2,
        "too_late_s": 4,
        "enter_s": 5,
        "accept_remind_s": 2,
        "unpaid_holds_max": 50,
    }
)
