"""A visit's history over HTTP: one story of all its runs, live or from the archive, and nothing of what they carried."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import Client

from api import history
from api.history_runs import Runs as Asked
from models.account import Role
from models.kernel import ids
from models.refund import HandOver, Office, RefundState
from models.revisit import Cancel, State
from models.stores import inbox
from models.stores import suspension as suspensions
from models.stores.history import HistoryFiles
from models.stores.suspension import Met
from models.suspension import Outcome
from tests.account.builders import a_staff_member, patient_signed_in, staff_signed_in
from tests.builders import FEE_FEN, NAME, a_visit
from tests.client import Hands, key
from tests.history.conftest import archive_of, closed, listed
from tests.history.visits import HOW_MANY, Desk, a_desk, a_visit_with_a_story, lines, renewed, rests, until, version
from tests.process.hospital import wish
from tests.process.running import Live, Running
from worker.wiring import worker
from workflows.runs import Runs

OF_THE_VISIT = [
    *("begun revisit →", "step eligibility.check → consenting"),
    *("wait consenting → self_check", "wish self_check → done", "step consent.self_check → consenting"),
    *("wait consenting → consent", "wish consent → done", "step consent.consent → choosing"),
    *("wait choosing → renew", "renewed revisit →"),
    *("wait choosing → choose_slot", "wish choose_slot → slot.missing", "step booking.hold → slot.missing"),
    *("wait choosing → choose_slot", "wish choose_slot → done", "step booking.hold → describing"),
    *("wait describing → describe", "wish describe → done", "step intake.describe → paying"),
    *("wait paying → charge_ended", "news charge_ended →", "step booking.book → booked"),
    *("wait booked → check_in", "wish check_in → done", "step queue.check_in → waiting"),
    *("wait waiting → cancel", "wish cancel → done", "step booking.leave → cancelled"),
    "ended revisit → cancelled",
]
OF_ITS_CHARGE = [
    *("begun charge →", "wish order → done", "step charge.order → open"),
    *("news reported →", "step charge.query → paid", "step charge.settle → settled", "ended charge → settled"),
]
OF_ITS_REFUND = [
    *("begun refund →", "step refund.reverse → stuck"),
    *("wait stuck → retry", "wish retry → done", "step refund.retry → requested"),
    *("step refund.reverse → cleared", "step refund.apply → accepted"),
    *("wait accepted → refund_reported", "news refund_reported →", "step refund.query → arrived", "ended refund → arrived"),
]


@pytest_asyncio.fixture(scope="module")
async def visit(running: Running) -> Live:
    told = await a_visit_with_a_story(running)
    await closed(running.client, told.id, HOW_MANY)
    return told


@pytest_asyncio.fixture
async def desk(running: Running, folder: Path) -> AsyncIterator[Desk]:
    async with a_desk(running.database, running.client, folder) as desk:
        yield desk


async def test_all_runs_of_a_visit_its_charge_and_its_refund_are_one_story(desk: Desk, visit: Live) -> None:
    told = await desk.reads(visit.id)

    assert sorted((run["process"], run["status"]) for run in told["runs"]) == [
        *(("charge", "COMPLETED"), ("invoice", "COMPLETED"), ("invoice", "COMPLETED"), ("refund", "COMPLETED")),
        *(("revisit", "COMPLETED"), ("revisit", "CONTINUED_AS_NEW")),
    ]
    assert lines(told, "revisit") == OF_THE_VISIT
    assert lines(told, "charge", waits=False) == OF_ITS_CHARGE
    assert lines(told, "refund") == OF_ITS_REFUND
    assert [entry["at"] for entry in told["story"]] == sorted(entry["at"] for entry in told["story"])
    assert (told["complete"], {one["complete"] for one in told["processes"]}) == (True, {True})
    assert (told["cut"], {entry["process_id"] for entry in told["story"]}) == (False, {run["process_id"] for run in told["runs"]})


async def test_it_says_in_words_how_long_how_often_and_what_was_waited_for(desk: Desk, visit: Live) -> None:
    told = {(entry["what"], entry["name"], entry["outcome"]): entry for entry in (await desk.reads(visit.id))["story"]}

    held = told["step", "booking.hold", "describing"]
    assert (held["title"], held["outcome_title"], held["attempts"], held["waited_for"]) == ("锁定号源", "待描述病情", 2, "outside.unknown")
    assert held["took_s"] > 0.2, "the pause between the attempts is in it"
    assert held["first_event"] < held["last_event"]
    assert told["step", "booking.hold", "slot.missing"]["outcome_title"] == "没有找到该号源，请刷新号源列表后重新选择。"
    assert (told["news", "charge_ended", None]["title"], told["wait", "choosing", "renew"]["outcome_title"]) == (
        "缴费结果已知",
        "转入新版本",
    )
    turn = told["wait", "waiting", "cancel"]
    assert (turn["title"], turn["waited_for"], turn["until"] > turn["at"]) == ("待接诊", "doctor", True)
    stuck, reached = told["wait", "stuck", "retry"], told["wait", "accepted", "refund_reported"]
    assert (stuck["title"], stuck["waited_for"], reached["waited_for"]) == ("退费中（医院正在办理）", "hospital", "wechat_pay")


async def test_it_says_who_asked_and_only_staff_have_a_name(desk: Desk, visit: Live) -> None:
    told = await desk.reads(visit.id)

    who = {(entry["what"], entry["name"]): entry["who"] for entry in told["story"]}
    patient, clerk = {"kind": "patient", "name": None}, {"kind": "staff", "name": "王医生"}
    assert (who["begun", "revisit"], who["wish", "cancel"], who["step", "booking.leave"]) == (patient, patient, patient)
    assert (who["wish", "retry"], who["step", "refund.retry"]) == (clerk, clerk)
    assert (who["step", "booking.book"], who["begun", "refund"], who["news", "reported"]) == (None, None, None)
    assert NAME not in json.dumps(told, ensure_ascii=False)


async def test_an_open_visit_says_what_it_waits_for_now(desk: Desk, running: Running) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)

    [*_, last] = (await desk.reads(visit.id))["story"]

    assert (last["what"], last["title"], last["waited_for"], last["took_s"], last["outcome"]) == ("wait", "待选号源", "patient", None, None)


async def test_raw_events_are_named_by_what_they_are_of(desk: Desk, visit: Live) -> None:
    told = await desk.reads(visit.id, "/events")

    named = {(event["process"], event["type"], event["name"], event["attempt"]) for event in told["events"]}
    assert {
        ("revisit", "WORKFLOW_EXECUTION_STARTED", "revisit", 1),
        ("revisit", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "check_in", None),
        ("revisit", "WORKFLOW_EXECUTION_UPDATE_COMPLETED", "check_in", None),
        ("revisit", "WORKFLOW_EXECUTION_SIGNALED", "charge_ended", None),
        ("revisit", "TIMER_STARTED", "1", None),
        ("revisit", "ACTIVITY_TASK_SCHEDULED", "booking.hold", None),
        ("revisit", "ACTIVITY_TASK_STARTED", "booking.book", 1),
        ("revisit", "ACTIVITY_TASK_COMPLETED", "booking.hold", None),
        ("refund", "ACTIVITY_TASK_COMPLETED", "refund.query", None),
    } <= named
    assert [event["at"] for event in told["events"]] == sorted(event["at"] for event in told["events"])


async def test_more_than_is_told_is_cut_and_said(desk: Desk, visit: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await desk.reads(visit.id, "/events")

    monkeypatch.setattr(history, "EVENTS_MAX", len(whole["events"]))
    assert (await desk.reads(visit.id))["cut"] is False
    monkeypatch.setattr(history, "EVENTS_MAX", 20)
    cut, events = await desk.reads(visit.id), await desk.reads(visit.id, "/events")
    assert cut["complete"] is False
    assert (cut["cut"], events["cut"], events["events"]) == (True, True, whole["events"][:20])
    [*told, _, _] = lines(cut, "revisit")
    assert told == OF_THE_VISIT[: len(told)], "the last step may be half told, and the wish that it is for"
    monkeypatch.setattr(history, "RUNS_MAX", 3)
    assert [run["process"] for run in (await desk.reads(visit.id))["runs"]] == ["revisit"]


async def test_each_run_links_into_the_ui(desk: Desk, visit: Live) -> None:
    told = await desk.reads(visit.id)

    run = told["runs"][0]
    assert run["url"].endswith(f"/namespaces/default/workflows/revisit%2F{visit.id}/{run['run_id']}/history")
    assert {entry["run_id"]: entry["url"] for entry in told["story"]} == {run["run_id"]: run["url"] for run in told["runs"]}


@pytest_asyncio.fixture
async def later(running: Running, elsewhere: Client, folder: Path) -> AsyncIterator[Desk]:
    """After the engine's store was lost."""
    async with a_desk(running.database, elsewhere, folder) as desk:
        yield desk


async def test_when_the_engine_has_forgotten_all_the_story_is_the_same(
    running: Running, desk: Desk, later: Desk, visit: Live, folder: Path
) -> None:
    before, events_before = await desk.reads(visit.id), await desk.reads(visit.id, "/events")
    await archive_of(running, folder).archive_due()

    after, events_after = await later.reads(visit.id), await later.reads(visit.id, "/events")

    assert [{**entry, "url": None, "archived": True} for entry in before["story"]] == after["story"]
    assert all(run["archived"] and run["archived_at"] and run["url"] is None for run in after["runs"])
    assert [{**event, "url": None} for event in events_before["events"]] == events_after["events"]


async def test_a_visit_begun_again_in_a_new_store_is_told_from_both(
    running: Running, desk: Desk, later: Desk, elsewhere: Client, folder: Path
) -> None:
    visit = await renewed(running)
    await closed(running.client, visit.id, 1)
    await archive_of(running, folder).archive_due()
    before = lines(await desk.reads(visit.id), "revisit")

    async with worker(elsewhere, running.activities, workflow_cache=10):
        await Runs(elsewhere).begin_again("revisit", visit.id, visit.id, by_force=False)
        await rests(elsewhere.get_workflow_handle(visit.run.id))
    await listed(elsewhere, f"Visit = '{visit.id}'", 1)

    told = await later.reads(visit.id)
    assert [(run["status"], run["archived"], run["url"] is None) for run in told["runs"]] == [
        ("CONTINUED_AS_NEW", True, True),
        ("RUNNING", False, False),
    ]
    assert lines(told, "revisit") == [*before[:-1], "begun revisit → again", before[-1]]
    assert told["complete"] is False, "the run that the first one went on as was lost"


async def test_a_run_that_was_lost_before_it_was_archived_is_still_named(running: Running, later: Desk, folder: Path) -> None:
    visit = await renewed(running)
    await closed(running.client, visit.id, 1)
    (folder / "no folder").touch()
    with pytest.raises(BaseExceptionGroup):
        await archive_of(running, folder / "no folder").archive_due()

    told = await later.reads(visit.id)

    assert [(run["status"], run["archived"], run["url"]) for run in told["runs"]] == [("CONTINUED_AS_NEW", False, None)]
    [process] = told["processes"]
    assert (told["complete"], process["complete"], process["begins_at"]) == (False, False, None)
    assert [(one["source"], one["run_id"], one["url"], one["name"]) for one in told["story"]] == [
        ("timeline", None, None, name) for name in ("revisit.open", "eligibility.check", "consent.self_check", "consent.consent")
    ]


async def test_of_an_open_visit_whose_store_was_lost_the_timeline_tells_the_beginning(
    running: Running, desk: Desk, later: Desk, elsewhere: Client
) -> None:
    """It begins in the middle, and says so."""
    visit = await (await running.opened()).to(State.CHOOSING)
    whole = await desk.reads(visit.id)
    assert (whole["complete"], {one["source"] for one in whole["story"]}) == (True, {"history"})

    async with worker(elsewhere, running.activities, workflow_cache=10):
        await Runs(elsewhere).begin_again("revisit", visit.id, visit.id, by_force=False)
        await rests(elsewhere.get_workflow_handle(visit.run.id))

    told = await later.reads(visit.id)
    [process] = told["processes"]
    assert (told["complete"], process["complete"], process["begins_at"] > process["created_at"]) == (False, False, True)
    assert [(one["source"], one["what"], one["title"], one["outcome_title"]) for one in told["story"]] == [
        ("timeline", "step", "发起线上复诊", "资格核验中"),
        ("timeline", "step", "核验复诊资格", "待知情同意"),
        ("timeline", "step", "完成急症自查", "待知情同意"),
        ("timeline", "step", "签署知情同意", "待选号源"),
        ("history", "begun", "线上复诊", "从当前进度重新开始"),
        ("history", "wait", "待选号源", None),
    ]
    begun = told["story"][4]
    assert (begun["outcome"], begun["who"], told["story"][3]["who"]) == ("again", None, {"kind": "patient", "name": None})


async def test_two_charges_are_told_apart_and_a_refund_says_why_how_much_and_whose_it_is(desk: Desk, visit: Live) -> None:
    told = await desk.reads(visit.id)

    named = {one["process"]: one for one in told["processes"]}
    assert [one["process"] for one in told["processes"]] == ["revisit", "charge", "refund", "invoice", "invoice"]
    assert (named["charge"]["about"], named["charge"]["payable_text"], named["charge"]["amount_fen"]) == (
        *("医事服务费 50.00元", "医事服务费"),
        FEE_FEN,
    )
    assert named["charge"]["state_text"] == "已退费"
    refund = named["refund"]
    assert (refund["about"], refund["cause"], refund["cause_text"]) == ("医事服务费 50.00元（您已退号）", "patient", "您已退号")
    bills = [one["about"] for one in told["processes"] if one["process"] == "invoice"]
    assert bills == ["医事服务费 50.00元", "医事服务费（冲红电子票据）"]
    about = {(one["process"], one["process_id"], one["about"]) for one in told["processes"]}
    assert {(one["process"], one["process_id"], one["about"]) for one in told["story"]} == about
    stuck = next(one for one in told["story"] if one["what"] == "wait" and one["name"] == "stuck")
    assert (stuck["trouble"], stuck["office"], stuck["office_text"]) == ("his.executed", "outpatient", "门诊办")
    assert stuck["trouble_text"].startswith("医院系统显示该次就诊已完成")


async def test_to_whom_a_refund_was_given_and_by_whom(desk: Desk, running: Running) -> None:
    visit = await (await running.opened()).to(State.BOOKED)
    running.his.refuses("reverse", "his.dispensed")
    await visit.does(Cancel)
    [refund_id] = await running.refund_ids(visit.charge_id)
    await until(running, refund_id, RefundState.STUCK)
    async with running.database.transaction() as db:
        clerk = await a_staff_member(db, Role.FINANCE)
    await running.runs.ask("refund", refund_id, wish(HandOver, clerk, office=Office.INSURANCE, seen=await version(running, refund_id)))

    told = await desk.reads(visit.id)

    who = {"kind": "staff", "name": "王医生"}
    charge, refund = (next(one for one in told["processes"] if one["process"] == name) for name in ("charge", "refund"))
    assert (charge["state_text"], charge["about"]) == ("退费中", "医事服务费 50.00元")
    assert (refund["trouble"], refund["office_text"], refund["handed_over_by"]) == ("his.dispensed", "医保办", who)
    given = next(one for one in told["story"] if one["what"] == "wish" and one["process"] == "refund")
    assert (given["name"], given["office_text"], given["who"], given["outcome"]) == ("hand_over", "医保办", who, "done")


async def test_a_wish_that_waited_for_its_run_says_when_it_was_kept(desk: Desk, running: Running) -> None:
    visit = await (await running.opened()).to(State.CHOOSING)
    cancel = await visit.wish(Cancel)
    async with running.database.transaction() as db:
        await inbox.keep_command(db, "revisit", visit.id, cancel, waited=timedelta(minutes=5))
    await visit.asks(cancel)

    wishes = {one["name"]: one for one in (await desk.reads(visit.id))["story"] if one["what"] == "wish"}

    taken, asked = (datetime.fromisoformat(wishes["cancel"][name]) for name in ("at", "asked_at"))
    assert timedelta(minutes=5) <= taken - asked < timedelta(minutes=6)
    assert wishes["consent"]["asked_at"] is None


async def test_a_refund_of_a_lost_store_is_told_from_the_timeline_with_office_and_who(desk: Desk, later: Desk, running: Running) -> None:
    visit = await (await running.opened()).to(State.BOOKED)
    running.his.refuses("reverse", "his.dispensed")
    await visit.does(Cancel)
    [refund_id] = await running.refund_ids(visit.charge_id)
    await until(running, refund_id, RefundState.STUCK)
    async with running.database.transaction() as db:
        clerk = await a_staff_member(db, Role.FINANCE)
    await running.runs.ask("refund", refund_id, wish(HandOver, clerk, office=Office.INSURANCE, seen=await version(running, refund_id)))

    told = [one for one in (await later.reads(visit.id))["story"] if one["process"] == "refund"]

    assert [(one["source"], one["name"], one["office_text"], one["who"] and one["who"]["name"]) for one in told] == [
        ("timeline", "refund.reverse", None, None),
        ("timeline", "refund.hand_over", "医保办", "王医生"),
    ]


async def test_a_run_that_the_engine_lists_and_has_no_more_is_told_from_its_file(running: Running, elsewhere: Client, folder: Path) -> None:
    """It forgets what it lists some moments later."""
    visit = await renewed(running)
    await closed(running.client, visit.id, 1)
    await archive_of(running, folder).archive_due()
    files = HistoryFiles(folder)
    found = await Asked(running.client, running.database, files).of_visit(visit.id, 10)

    read = await Asked(elsewhere, running.database, files).read(replace(found, runs=found.runs[:1]), 1000)

    [(told, recorded)] = read.runs
    assert (found.runs[0].there, told.there, len(recorded.events) > 20, read.cut) == (True, False, True, False)


async def test_a_visit_that_never_ran(desk: Desk, running: Running) -> None:
    async with running.database.transaction() as db:
        visit_id: UUID = await a_visit(db)

    told = await desk.reads(visit_id)

    assert (told["runs"], told["story"], told["cut"]) == ([], [], False)


async def test_a_suspension_that_met_the_visit_stands_in_its_story_with_who_wanted_it(desk: Desk, running: Running) -> None:
    async with running.database.transaction() as db:
        visit_id, manager = await a_visit(db, State.CLOSING, leaving_as=State.SUSPENDED), await a_staff_member(db, Role.MANAGEMENT)
        suspension_id = await suspensions.begin_of_doctor(db, "doc-1", manager, running.clock(), policy="test-1")
        assert suspension_id
        await suspensions.keep(db, suspension_id, [Met(visit_id, ids.new(), Outcome.STOPPED)], running.clock())

    told = await desk.reads(visit_id)

    [cause] = told["story"]
    assert (cause["process"], cause["process_id"], cause["outcome_title"]) == ("suspension", str(suspension_id), "停诊")
    assert (cause["about"], cause["who"]["kind"]) == ("医院暂停该医生出诊（doc-1）", "staff")
    assert [one["state_text"] for one in told["processes"]] == ["停诊处理中"]


async def test_who_may_read_it(desk: Desk, running: Running, visit: Live) -> None:
    _, patient = await patient_signed_in(running.database, Hands())
    _, doctor = await staff_signed_in(running.database, Hands(), Role.DOCTOR)

    for path in (f"/v1/revisits/{visit.id}/history", f"/v1/revisits/{visit.id}/history/events"):
        for headers in (patient, doctor):
            assert (await desk.client.get(path, headers=headers)).json()["code"] == "account.forbidden"
        elsewhere = path.replace(str(visit.id), str(ids.new()))
        assert (await desk.client.get(elsewhere, headers=desk.headers)).json()["code"] == "revisit.missing"


async def test_a_pull_of_schedules_is_begun_once_while_it_runs(desk: Desk, running: Running) -> None:
    asked = [await desk.client.post("/v1/schedule/syncs", headers=desk.headers | key()) for _ in range(2)]

    assert [(answer.status_code, answer.json()) for answer in asked] == [(202, {"workflow_id": "schedule_sync/now"})] * 2
    run = await running.client.get_workflow_handle("schedule_sync/now").describe()
    assert (run.workflow_type, run.task_queue) == ("schedule_sync", "fuzhen")
