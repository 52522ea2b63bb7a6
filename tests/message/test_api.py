"""The message log and 重发 for the management, and what the carrier reports: over HTTP."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update

from models.account import Role
from models.kernel import ids
from models.message import MessageState, Template
from models.revisit import State
from models.stores import message as store
from models.stores import metric
from models.stores.database import Database
from models.tables.message import MessageRow
from models.tables.process import AuditRow
from tests.account.builders import a_phone, staff_signed_in
from tests.builders import a_visit
from tests.client import Hands, key
from tests.message.builders import row

SAID = {"amount": "50.00"}


async def a_message(
    database: Database, clock: Hands, state: MessageState, template: Template = Template.REFUND_ARRIVED, phone: str | None = None
) -> tuple[UUID, UUID]:
    """One of a visit that stands there, and the visit's id."""
    message_id, visit_id = ids.new(), ids.new()
    params = SAID if template is Template.REFUND_ARRIVED else {"code": "271828"}
    async with database.transaction() as db:
        await store.enqueue(db, message_id, template, phone or a_phone(), params, visit_id=visit_id, due_at=clock())
        await db.execute(update(MessageRow).where(MessageRow.id == message_id).values(state=state, receipt="biz-1", failure="sms.UNDELIV"))
    return message_id, visit_id


async def resends(api: httpx.AsyncClient, message_id: UUID, me: dict[str, str], wish: dict[str, str] | None = None) -> tuple[int, Any]:
    answer = await api.post(f"/v1/messages/{message_id}/resend", headers=me | (wish or key()))
    return answer.status_code, answer.json()


@pytest.fixture
async def manager(database: Database, clock: Hands) -> dict[str, str]:
    return (await staff_signed_in(database, clock, Role.MANAGEMENT))[1]


async def test_what_was_said_of_a_visit_is_read_masked_and_written_down(
    api: httpx.AsyncClient, database: Database, clock: Hands, manager: dict[str, str]
) -> None:
    phone = a_phone()
    message_id, visit_id = await a_message(database, clock, MessageState.UNDELIVERED, phone=phone)
    await a_message(database, clock, MessageState.UNDELIVERED)

    answer = await api.get("/v1/messages", params={"visit_id": str(visit_id)}, headers=manager)

    [one] = answer.json()["items"]
    assert (one["id"], one["state_text"], one["failure"]) == (str(message_id), "未送达", "sms.UNDELIV")
    assert one["text"] == "您的退费50.00元已原路退回，请以银行或微信到账记录为准。"
    assert phone not in answer.text
    async with database.reading() as db:
        read = (await db.scalars(select(AuditRow).where(AuditRow.action == "message:read"))).one()
    assert (read.subject, read.subject_id) == ("revisit", visit_id)


async def test_by_phone_and_by_state_page_by_page(
    api: httpx.AsyncClient, database: Database, clock: Hands, manager: dict[str, str]
) -> None:
    phone = a_phone()
    wanted = {(await a_message(database, clock, MessageState.FAILED, phone=phone))[0] for _ in range(3)}
    await a_message(database, clock, MessageState.DELIVERED, phone=phone)
    await a_message(database, clock, MessageState.FAILED)
    asked = {"state": "failed", "limit": "2"}

    first = (await api.get("/v1/messages", params=asked, headers=manager | {"X-Phone": phone})).json()
    further = asked | {"after": first["next"]}
    second = (await api.get("/v1/messages", params=further, headers=manager | {"X-Phone": phone})).json()

    assert {UUID(one["id"]) for one in [*first["items"], *second["items"]]} == wanted
    assert (len(second["items"]), second["next"]) == (1, None)
    assert (await api.get("/v1/messages", params=further, headers=manager)).json()["code"] == "request.cursor", "of another list"


async def test_no_code_is_shown_to_anybody(api: httpx.AsyncClient, database: Database, clock: Hands, manager: dict[str, str]) -> None:
    await a_message(database, clock, MessageState.DUE, Template.STAFF_CODE)

    assert "271828" not in (await api.get("/v1/messages", headers=manager)).text


@pytest.mark.parametrize("lost", [MessageState.UNDELIVERED, MessageState.FAILED])
async def test_what_nobody_got_is_said_again_once(
    api: httpx.AsyncClient, database: Database, clock: Hands, manager: dict[str, str], lost: MessageState
) -> None:
    message_id, visit_id = await a_message(database, clock, lost)
    wish = key()

    answers = [await resends(api, message_id, manager, wish) for _ in range(2)]
    assert [status for status, _ in answers] == [201, 201]
    assert answers[0] == answers[1]
    again = answers[0][1]
    assert (again["resend_of"], again["visit_id"], again["state"]) == (str(message_id), str(visit_id), "due")
    assert (await resends(api, message_id, manager))[1]["code"] == "message.resent_already"

    async with database.transaction() as db:
        [taken] = [one for one in await store.take(db, clock(), 10) if one.id == UUID(again["id"])]
        done = await db.scalar(select(func.count()).select_from(AuditRow).where(AuditRow.action == "message:resend"))
    assert (taken.template, taken.params, done) == (Template.REFUND_ARRIVED, SAID, 1)
    first = (await api.get("/v1/messages", params={"state": lost}, headers=manager)).json()["items"][0]
    assert first["resent_as"] == again["id"]


async def test_what_nobody_got_is_counted_until_it_is_sent_again(
    api: httpx.AsyncClient, database: Database, clock: Hands, manager: dict[str, str]
) -> None:
    async def counted() -> int:
        async with database.reading() as db:
            return (await metric.standing(db, clock(), {})).undelivered

    async def told() -> list[str]:
        return [one["id"] for one in (await api.get("/v1/messages", params={"unreached": "true"}, headers=manager)).json()["items"]]

    given_up, _ = await a_message(database, clock, MessageState.UNDELIVERED)
    refused, _ = await a_message(database, clock, MessageState.FAILED)
    await a_message(database, clock, MessageState.DELIVERED)
    assert (await counted(), set(await told())) == (2, {str(given_up), str(refused)})

    await resends(api, given_up, manager)
    assert (await counted(), await told()) == (1, [str(refused)])
    await resends(api, refused, manager)
    assert (await counted(), await told()) == (0, [])


@pytest.mark.parametrize(
    ("template", "params", "state", "said_again"),
    [
        (Template.REVISIT_BOOKED, {"time": "12月1日 09:00", "department": "呼吸内科"}, State.BOOKED, True),
        (Template.REVISIT_BOOKED, {"time": "12月1日 09:00", "department": "呼吸内科"}, State.CANCELLED, False),
        (Template.REVISIT_REMINDER, {"time": "09:00"}, State.WAITING, False),
        (Template.REVISIT_CALLED, {"minutes": "5"}, State.CONSULTING, False),
        (Template.REVISIT_CANCELLED, {"reason": "您已退号"}, State.CANCELLED, True),
    ],
)
async def test_what_is_no_longer_so_is_not_said_again(
    api: httpx.AsyncClient,
    database: Database,
    clock: Hands,
    manager: dict[str, str],
    template: Template,
    params: dict[str, str],
    state: State,
    said_again: bool,
) -> None:
    """Nobody is sent into a room by minutes that are over, or to a clinic that they have left."""
    message_id = ids.new()
    async with database.transaction() as db:
        visit_id = await a_visit(db, state)
        await store.enqueue(db, message_id, template, a_phone(), params, visit_id=visit_id, due_at=clock())
        await db.execute(update(MessageRow).where(MessageRow.id == message_id).values(state=MessageState.UNDELIVERED))

    status, answer = await resends(api, message_id, manager)

    assert (status, answer.get("code")) == ((201, None) if said_again else (409, "message.out_of_date"))


@pytest.mark.parametrize(
    ("state", "template", "code"),
    [
        (MessageState.DUE, Template.REFUND_ARRIVED, "message.under_way"),
        (MessageState.SENDING, Template.REFUND_ARRIVED, "message.under_way"),
        (MessageState.SENT, Template.REFUND_ARRIVED, "message.under_way"),
        (MessageState.DELIVERED, Template.REFUND_ARRIVED, "message.arrived"),
        (MessageState.FAILED, Template.SIGN_IN_CODE, "message.is_code"),
    ],
)
async def test_what_may_not_be_said_again(
    api: httpx.AsyncClient, database: Database, clock: Hands, manager: dict[str, str], state: MessageState, template: Template, code: str
) -> None:
    message_id, _ = await a_message(database, clock, state, template)

    status, refused = await resends(api, message_id, manager)

    assert (status, refused["code"]) == (409, code)
    assert (await resends(api, ids.new(), manager))[1]["code"] == "message.missing"


def a_report(message_id: UUID, **changes: Any) -> dict[str, Any]:
    """As Aliyun's page has it."""
    times = {"send_time": "2026-11-30 10:00:00", "report_time": "2026-11-30 10:00:03", "sms_size": "1"}
    said = {"success": False, "err_code": "UNDELIV", "err_msg": "", "phone_number": "13800000000"}
    return times | said | {"biz_id": "biz-1", "out_id": message_id.hex} | changes


async def pushes(api: httpx.AsyncClient, *reports: dict[str, Any]) -> tuple[int, int]:
    answer = await api.post("/webhooks/sms", content=json.dumps(reports))
    return answer.status_code, answer.json()["code"]


async def test_a_report_makes_the_house_ask_and_is_believed_in_nothing(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    message_id, _ = await a_message(database, clock, MessageState.SENT)

    assert [await pushes(api, a_report(message_id)) for _ in range(2)] == [(200, 0)] * 2

    told = await row(database, message_id)
    assert (told.state, told.ask_at) == (MessageState.SENT, clock())


@pytest.mark.parametrize("changes", [{"biz_id": "biz-2"}, {"out_id": "m-1"}, {"out_id": ids.new().hex}, {"out_id": ""}])
async def test_a_report_of_no_message_of_ours_comes_again(
    api: httpx.AsyncClient, database: Database, clock: Hands, changes: dict[str, str]
) -> None:
    message_id, _ = await a_message(database, clock, MessageState.SENT)

    assert await pushes(api, a_report(message_id, **changes)) == (404, 1)
    assert (await row(database, message_id)).ask_at is None
    assert await pushes(api, a_report(message_id), a_report(message_id, **changes)) == (200, 0), "with one of ours it need not"


@pytest.mark.parametrize("body", ["", "{}", "[]", "[1]", '[{"out_id": "1"}]', "[" * 5000])
async def test_what_is_no_report_is_refused(api: httpx.AsyncClient, body: str) -> None:
    answer = await api.post("/webhooks/sms", content=body)

    assert (answer.status_code, answer.json()["msg"]) == (400, "sms.malformed")
