"""Versioned rules with an effect date. A visit pins the version it began with; limits marked live are read at the moment."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from models.kernel.clock import business_day, end_of

SATURDAY = 5


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
    cancel_cutoff_s: int | None = Field(default=None, ge=0)
    """退号 after paying ends so long before the slot; None: free until 接诊."""
    refund_polls_s: tuple[PositiveInt, ...] = Field(min_length=1)
    """Pauses between two questions to the channel whether a refund has arrived; the last one again and again."""
    refund_workdays: int = Field(ge=1)
    """Promised to the patient: a bank card takes 1-3 working days [G]."""
    refund_pause_s: int = Field(ge=1)
    """The merchant's balance does not suffice: tried again after so long."""
    refund_tries_max: int = Field(ge=1)
    """Then a person is called."""
    review_hold_s: int = Field(default=600, ge=1)
    """A pharmacist who took a prescription has it so long before others may take it."""
    review_remind_s: int = Field(default=1800, ge=1)
    """Unreviewed so long, the pharmacists are told; after as much again, the management. Nobody is told more often than that."""
    review_sign_s: int = Field(default=900, ge=2)
    """To confirm an approval on the phone, the pharmacist reminded at half of it; then it is unapproved in the queue again."""
    record_sign_s: int = Field(default=900, ge=1)
    """To confirm a record on the phone; then it is unsigned again. Versions of before have none."""
    sign_poll_s: int = Field(default=5, ge=1)
    """How soon the CA is asked again what became of a signature, beside its own reports; rarer the longer it lasts."""
    drugs_pay_s: int = Field(default=7200, ge=60)
    """To pay for drugs once a way to get them is chosen; never longer than the prescription is valid."""
    drugs_poll_s: int = Field(default=60, ge=1)
    """How soon the HIS is asked again how far its pharmacy is, beside its own reports; rarer the longer it lasts."""
    pickup_remind_s: int = Field(default=3 * 24 * 3600, ge=1)
    """Drugs that are ready and not fetched: after so long the patient is reminded. Versions of before have none, nor the next."""
    pickup_office_s: int = Field(default=7 * 24 * 3600, ge=1)
    """And after so long they are a task of the pharmacy."""
    delivery_polls_s: tuple[PositiveInt, ...] = Field(default=(600, 1800, 3600), min_length=1)
    """Pauses between two questions to the carrier where a parcel is; the last one again and again. Versions of before have none."""
    delivery_silent_s: int = Field(default=48 * 3600, ge=1)
    """Nothing new was heard of a parcel for so long: an office looks for it."""
    survey_s: int = Field(default=7 * 24 * 3600, ge=1)
    """满意度调查 is open so long after 结束问诊. Versions of before have none."""
    quiet_from_s: int = Field(default=22 * 3600, ge=0, lt=24 * 3600)
    """From this second of the day in Shanghai no message is sent that can wait; equal to the next, there are no quiet hours."""
    quiet_until_s: int = Field(default=7 * 3600, ge=0, lt=24 * 3600)


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

    def may_cancel(self, now: datetime, slot_starts_at: datetime) -> bool:
        """Whether the hospital's own cut-off for 退号, if it has one, is still to come."""
        return self.rules.cancel_cutoff_s is None or now < slot_starts_at - timedelta(seconds=self.rules.cancel_cutoff_s)

    def refund_until(self, now: datetime) -> datetime:
        """The promised arrival: the end of the last working day. Public holidays are not known here, so it may err to the short side."""
        day, left = business_day(now), self.rules.refund_workdays
        while left:
            day += timedelta(days=1)
            left -= day.weekday() < SATURDAY
        return end_of(day)

    def refund_asked_at(self, now: datetime, polls: int) -> datetime:
        """When the channel is asked next, after so many questions."""
        pauses = self.rules.refund_polls_s
        return now + timedelta(seconds=pauses[min(polls, len(pauses) - 1)])

    def signature_asked_at(self, now: datetime, since: datetime) -> datetime:
        """When the CA is asked next about a signature that has been waited for `since` then: within a quarter of that time more, and within
        five minutes."""
        waited = min((now - since) / 4, timedelta(minutes=5))
        return now + max(waited, timedelta(seconds=self.rules.sign_poll_s))

    def review_told_at(self, now: datetime, valid_until: datetime) -> datetime:
        """When the pharmacists are told of a prescription that comes to their queue now; at its end in any case."""
        return min(now + timedelta(seconds=self.rules.review_remind_s), valid_until)

    def approval_until(self, now: datetime, valid_until: datetime) -> datetime:
        """What is approved now and not confirmed until then is not approved."""
        return min(now + timedelta(seconds=self.rules.review_sign_s), valid_until)

    def approval_remind_at(self, approved_at: datetime) -> datetime:
        """At half of the time that there is to confirm it."""
        return approved_at + timedelta(seconds=self.rules.review_sign_s) / 2

    def drugs_asked_at(self, now: datetime, since: datetime) -> datetime:
        """When the HIS is asked next about a prescription that has stood where it stands `since` then: within an eighth of that time more,
        and within the hour."""
        waited = min((now - since) / 8, timedelta(hours=1))
        return now + max(waited, timedelta(seconds=self.rules.drugs_poll_s))

    def pickup_until(self, ready_at: datetime) -> datetime:
        """Drugs that are not fetched until then are a task of the pharmacy."""
        return ready_at + timedelta(seconds=self.rules.pickup_office_s)

    def delivery_asked_at(self, now: datetime, polls: int, until: datetime | None = None) -> datetime:
        """When the carrier is asked next, after so many questions; at the end of its silence in any case."""
        pauses = self.rules.delivery_polls_s
        at = now + timedelta(seconds=pauses[min(polls, len(pauses) - 1)])
        return at if until is None else min(at, until)

    def survey_until(self, now: datetime) -> datetime:
        """A survey asked now is closed unanswered then."""
        return now + timedelta(seconds=self.rules.survey_s)

    def delivery_until(self, now: datetime) -> datetime:
        """A parcel of which nothing is heard until then is looked for."""
        return now + timedelta(seconds=self.rules.delivery_silent_s)

    def quiet_until(self, at: datetime) -> datetime:
        """The end of the quiet hours that `at` lies in, `at` itself outside them."""
        begin, end = self.rules.quiet_from_s, self.rules.quiet_until_s
        midnight = end_of(business_day(at)) - timedelta(days=1)
        second = (at - midnight).total_seconds()
        quiet = begin <= second < end if begin <= end else second >= begin or second < end
        if not quiet:
            return at
        return midnight + timedelta(days=int(second >= end), seconds=end)


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
    # As WeChat Pay repeats its own notifies [C].
    refund_polls_s=(15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600),
    refund_workdays=3,
    refund_pause_s=600,
    refund_tries_max=6,
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
        "refund_polls_s": (1, 1, 2),
        "refund_pause_s": 2,
        "review_hold_s": 30,
        "review_remind_s": 10,
        "review_sign_s": 30,
        "record_sign_s": 20,
        "sign_poll_s": 1,
        "drugs_pay_s": 60,
        "drugs_poll_s": 1,
        "pickup_remind_s": 60,
        "pickup_office_s": 120,
        "delivery_polls_s": (1, 1, 2),
        "survey_s": 60,
        "quiet_from_s": 0,
        "quiet_until_s": 0,
    }
)
