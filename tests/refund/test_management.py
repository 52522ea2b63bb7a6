"""医院退费 on a real Temporal: of a visit that is over, what its HIS says to it, and who did what about it."""

from uuid import UUID

import httpx

from models.account import Role
from models.refund import RefundState
from models.revisit import State
from tests.client import key
from tests.process.conftest import temporal
from tests.process.running import Running
from tests.record.builders import Headers
from tests.refund.test_runs import answered, asks, desk, finance, is_reported, running, staff, until, worked

__all__ = ["desk", "finance", "running", "temporal", "worked"]


async def test_management_gives_back_a_visit_that_is_over(running: Running, desk: httpx.AsyncClient, finance: Headers) -> None:
    visit = await (await running.opened()).to(State.CLOSED)

    begun = await desk.post(f"/v1/charges/{visit.charge_id}/refunds", json={"amount_fen": 1200}, headers=finance | key())
    assert (begun.json()["state"], begun.json()["payable_text"]) == ("requested", "医事服务费")
    assert begun.json()["hint"].startswith("该次就诊已完成：门诊窗口须先在医院系统中取消执行"), "said before the HIS refuses"
    refund_id = UUID(begun.json()["id"])
    row = await until(running, refund_id, RefundState.STUCK)
    assert (begun.status_code, row.trouble, row.office) == (201, "his.executed", "outpatient")

    task = (await desk.get(f"/v1/refunds/{refund_id}", headers=finance)).json()
    assert (task["allowed"], task["office_text"], task["hint"]) == (["retry", "hand_over", "withdraw"], "门诊办", None)
    assert task["trouble_text"] == "医院系统显示该次就诊已完成。请先由门诊窗口在医院系统中取消执行，再重新办理退费。如不再退费，请撤销。"

    assert answered(await asks(desk, f"refunds/{refund_id}/withdraw", finance)) == [(200, "withdrawn")]
    ended = (await desk.get(f"/v1/refunds/{refund_id}", headers=finance)).json()
    assert (ended["allowed"], ended["office"], ended["office_text"]) == ([], "outpatient", "门诊办")


async def test_once_a_window_has_undone_the_execution_a_retry_gives_the_fee_back(
    running: Running, desk: httpx.AsyncClient, finance: Headers
) -> None:
    visit = await (await running.opened()).to(State.CLOSED)
    begun = await desk.post(f"/v1/charges/{visit.charge_id}/refunds", json={}, headers=finance | key())
    refund_id = UUID(begun.json()["id"])
    await until(running, refund_id, RefundState.STUCK)
    held = running.his.of_claim((await running.row(visit.id)).claim_id)
    running.his.undone.add(held.invoice_id)

    assert answered(await asks(desk, f"refunds/{refund_id}/retry", finance)) == [(200, "requested")]
    await until(running, refund_id, RefundState.ACCEPTED)
    running.wechat_pay.ends(refund_id.hex)
    await is_reported(running, refund_id)
    await until(running, refund_id, RefundState.ARRIVED)

    assert (held.status, running.his.left_fen(held.invoice_id)) == ("fulfilled", 0)
    assert (await running.row(visit.id)).state == State.CLOSED


async def test_who_did_what_to_a_refund_is_told_with_name_and_post(running: Running, desk: httpx.AsyncClient, finance: Headers) -> None:
    office, visit = await staff(running, Role.MANAGEMENT), await (await running.opened()).to(State.CLOSED)
    begun = await desk.post(f"/v1/charges/{visit.charge_id}/refunds", json={"amount_fen": 1200}, headers=finance | key())
    refund_id = UUID(begun.json()["id"])
    await until(running, refund_id, RefundState.STUCK)
    again = await asks(desk, f"refunds/{refund_id}/hand-over", finance, office="outpatient")
    assert answered(again) == [(409, "refund.theirs_already")]
    assert again.json()["title"] == "该笔退费已由该部门办理，如需转交请选择其他部门。"
    await asks(desk, f"refunds/{refund_id}/hand-over", finance, office="insurance")
    await asks(desk, f"refunds/{refund_id}/retry", office)
    assert (await until(running, refund_id, RefundState.STUCK)).office == "insurance"
    await asks(desk, f"refunds/{refund_id}/withdraw", office)

    deeds = (await desk.get(f"/v1/refunds/{refund_id}", headers=finance)).json()["deeds"]

    assert [(one["title"], one["name"], one["roles"], one["office_text"], one["amount_fen"]) for one in deeds] == [
        ("申请医院退费", "王医生", ["财务处"], None, 1200),
        ("转交办理", "王医生", ["财务处"], "医保办", None),
        ("重新办理退费", "王医生", ["门诊办"], None, None),
        ("撤销退费", "王医生", ["门诊办"], None, None),
    ]
    assert [one["at"] for one in deeds] == sorted(one["at"] for one in deeds)
