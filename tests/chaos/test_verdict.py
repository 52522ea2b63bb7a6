"""What the verdict makes of ways that missed their ends."""

import pytest

from tests.chaos.verdict import bugs, unexplained

LATE = ("seen at line 1", "cancelled, timed_out, instead of ('closed',)")
PASSED_BY = ("seen at line 1", "closed, None, on the way to entered")
CUT = ("seen at line 1", "ReadError: ")
STANDS = ("seen at line 1", "waited 90 s for the visit to be ('closed',); seen last: {'state': 'consulting', 'reason': None}")
ENDED = ("sent at line 1", "waited 90 s for the prescription to be ('ready',); seen last: {'id': '1', 'state': 'cancelled'}")
SENT_BACK = (
    "sent at line 1",
    "waited 90 s for the prescription to be ('choosing',); seen last: {'state': 'returned', 'reason': 'his.not-found'}",
)
NO_ANSWER = ("seen at line 1", "waited 90 s for a definite answer of /v1/revisits/1/enter; seen last: <Response [202 Accepted]>")
MOVED_ON = ("seen at line 1", 'POST /v1/revisits/1/check-in: 409 {"code":"revisit.not_now"}')
CLOSED = ("seen at line 1", 'POST /v1/charges/1/orders: 409 {"code":"wechat_pay.order_closed"}')
AWAY = ("seen at line 1", 'POST /v1/revisits/1/check-in: 503 {"code":"database.away"}')
AT_A_DESK = ("sent at line 1", 'POST /his/desk/prescriptions/1/prepare: 404 {"detail":"none"}')
MISSING = ("declined at line 1", 'POST /v1/revisits/1/decline: 404 {"code":"revisit.missing"}')
NOT_BOOKED = ("seen at line 1", 'POST /v1/revisits/1/check-in: 409 {"type":"urn","code":"his.not-found"}')
OF_THE_HIS = ("seen at line 1", 'POST /v1/charges/1/orders: 422 {"code":"his.not-found"}')


@pytest.mark.parametrize("how", [LATE, PASSED_BY, CUT, ENDED, MOVED_ON, CLOSED, AWAY, AT_A_DESK], ids=lambda how: how[1][:20])
def test_a_deadline_and_a_part_that_is_away_explain_an_end_that_was_missed(how: tuple[str, str]) -> None:
    assert unexplained([how], 10, set(), calm=False) == []
    assert len(unexplained([how], 10, set(), calm=True)) == 1


@pytest.mark.parametrize("how", [NOT_BOOKED, OF_THE_HIS], ids=["conflict", "refusal"])
def test_a_refusal_is_explained_by_a_fault_that_was_met_and_by_nothing_else(how: tuple[str, str]) -> None:
    assert unexplained([MISSING], 10, {"his.not-found"}, calm=False) != []
    assert unexplained([how], 10, set(), calm=False) != []
    assert unexplained([how], 10, {"his.not-found"}, calm=False) == []


@pytest.mark.parametrize("how", [STANDS, NO_ANSWER, SENT_BACK], ids=lambda how: how[1][:40])
def test_what_stands_and_does_not_move_is_explained_by_nothing_but_a_refusal(how: tuple[str, str]) -> None:
    assert len(unexplained([how], 10, set(), calm=False)) == 1
    assert len(unexplained([SENT_BACK], 10, {"his.not-found"}, calm=False)) == 0


@pytest.mark.parametrize(
    "how",
    [
        "",  # of a bare assert
        "KeyError: 'id'",
        "ValueError: too many values to unpack (expected 1)",
        "refused, no_record, instead of ('closed',)",
        "waited 90 s for the refund to be arrived; seen last: {'state': 'withdrawn'}",
        "POST /v1/revisits/1/check-in: 503 {}",
        'POST /v1/charges/1/orders: 409 {"code":"charge.bill_closed"}',  # by a stop, and nobody's clinic is stopped beside them
        "POST /his/desk/prescriptions/1/prepare: 500 boom",
        '[\'{"code":"revisit.not_now"}\']',
    ],
)
def test_what_no_weather_makes_is_explained_by_nothing(how: str) -> None:
    assert len(unexplained([("seen at line 1", how)], 10, {"his.not-found"}, calm=False)) == 1


def test_some_may_miss_their_ends_and_not_a_good_part_of_all() -> None:
    assert unexplained([LATE] * 13, 40, set(), calm=False) == []
    assert unexplained([LATE] * 14, 40, set(), calm=False) == ["14 of 40 ways were cut short"]
    assert unexplained([LATE] * 2, 4, set(), calm=False) == []


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "activity.failed", "level": "error"}',
        '{"event": "something.new", "level": "error"}',
        '{"event": "signature.broken", "level": "critical"}',
        "Traceback (most recent call last):",
        '{"event": "Failed activation on workflow revisit with ID revisit/1 and run ID 2", "level": "warning"}',
        "2026-11-28T06:21:31Z  WARN temporalio_sdk_core::worker::workflow: [TMPRL1100] Nondeterminism error: no such timer",
    ],
)
def test_a_line_that_calls_somebody_is_a_bug(line: str) -> None:
    assert list(bugs(f"{line}\n")) == [line]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "his.misunderstood", "level": "error"}',
        '{"event": "wechat_pay.distrusted", "level": "error"}',
        '{"event": "payment.unwanted", "level": "error"}',
        '{"event": "his.token_refused", "level": "error"}',
        '{"event": "refund.stuck", "level": "warning"}',
        "WARN temporalio_client::retry: gRPC call retried",
    ],
)
def test_what_the_outside_said_is_none(line: str) -> None:
    assert list(bugs(f"{line}\n")) == []


def test_what_postgresql_refused_is_a_bug_and_its_own_end_is_none() -> None:
    deadlock = "2026-11-28 04:33:31.538 UTC [4711] ERROR:  deadlock detected"
    of_weather = (
        "2026-11-28 04:33:31.538 UTC [4711] FATAL:  terminating connection due to administrator command",
        "2026-11-28 04:33:31.538 UTC [4711] LOG:  database system was not properly shut down; automatic recovery in progress",
        "2026-11-28 04:33:31.538 UTC [4711] ERROR:  canceling statement due to user request",
    )

    assert list(bugs("\n".join([*of_weather, deadlock, *of_weather]))) == [deadlock]


def test_of_a_line_that_was_cut_by_a_kill_what_is_left_counts() -> None:
    torn = '{"event": "something.new", "request_id": "1", "level": "error", "at": "2026-11-2{"event": "his.bill", "level": "info"}'
    assert list(bugs(f'{torn}\n{{"event": "x", "lev\n')) == [torn]
