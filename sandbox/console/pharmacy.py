"""The cash window and the pharmacy's counter of the hospital, its catalogue, and what the HIS has told."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from sandbox.console.html import ROWS_SHOWN, Html, button, join, section, show, table, tag, yuan
from sandbox.console.notice import back
from sandbox.his import His, instants
from sandbox.his.outcome import REASONS, Refusal
from sandbox.his.pharmacy import catalogue

STATES = {
    "on-hold": ("待审核", "wait"),
    "active": ("有效", "wait"),
    "completed": ("已发药", "good"),
    "cancelled": ("已作废", "bad"),
}
ACTS = {"pay": "窗口收费", "prepare": "调配", "hand-out": "发药", "take-back": "退药"}
NOTE = "替药房和收费窗口办理：已缴费的处方先调配，再发药；未缴费的可以在窗口收费；已发出的药可以退回药房，之后才能退费。"


def pharmacy_section(his: His) -> Html:
    """Prescriptions with what may be done next, drugs, and the messages about both."""
    store = his.hospital.store
    rows = [
        (
            show(one["patient_name"]),
            show(one["doctor_name"]),
            show(one["drugs"]),
            tag(*STATES[one["status"]]),
            _how_far(one),
            yuan(one["total_fen"]) if one["total_fen"] is not None else "",
            one["number"],
            _acts(one),
        )
        for one in store.rows(_PRESCRIPTIONS, ROWS_SHOWN)
    ]
    drugs = [
        (
            one["id"],
            one["name"],
            catalogue.KIND_NAMES[one["kind"]],
            yuan(one["price_fen"]),
            tag("已停用", "bad") if one["stopped"] else "",
            button("/console/drugs", "恢复" if one["stopped"] else "停用", {"id": one["id"], "stop": str(1 - one["stopped"])}, quiet=True),
        )
        for one in store.rows("SELECT * FROM his_drug ORDER BY id")
    ]
    told = [
        (
            f"{instants.at(one['created_ms']):%m-%d %H:%M:%S}",
            one["event"],
            one["number"],
            tag("等待重试", "wait") if one["due_at"] is not None else tag("已送达", "good"),  # the HIS never gives up
            one["attempts"],
            one["last_result"],
            button("/console/prescriptions/tell-again", "重发", {"number": one["number"]}, quiet=True),
        )
        for one in reversed(_messages(his)[-ROWS_SHOWN:])
    ]
    return section(
        "pharmacy",
        "药房与收费窗口",
        NOTE,
        table(("患者", "医生", "药品", "处方", "药房", "金额", "处方号", ""), rows, "还没有线上处方。"),
        Html("<h3>推送</h3>"),
        table(("生成", "事件", "处方号", "状态", "已发次数", "最近应答", ""), told, "还没有推送。"),
        Html("<h3>药品目录</h3>"),
        table(("编码", "药品", "类别", "价格", "", ""), drugs, "没有药品。"),
    )


def add_pharmacy_routes(console: APIRouter, his: His) -> None:
    """The forms of the section."""
    acts = {
        "pay": his.dispensing.pay,
        "prepare": his.dispensing.prepare,
        "hand-out": his.dispensing.hand_out,
        "take-back": his.dispensing.take_back,
    }

    @console.post("/prescriptions/tell-again")
    async def tell_again(number: Annotated[str, Form()]) -> RedirectResponse:
        return back("pharmacy", f"已重发 {his.messages.again(number)} 条推送。")

    @console.post("/prescriptions/{act}")
    async def go_on(act: str, number: Annotated[str, Form()]) -> RedirectResponse:
        if act not in acts:
            return back("pharmacy", "没有办成：没有这种办理。")
        try:
            acts[act](number)
        except Refusal as refused:
            return back("pharmacy", f"没有办成：{REASONS[refused.code].text}。")
        return back("pharmacy", f"{ACTS[act]}已完成。")

    @console.post("/drugs")
    async def stop(id: Annotated[str, Form()], stop: Annotated[bool, Form()]) -> RedirectResponse:
        try:
            with his.hospital.store.transaction() as db:
                catalogue.stop(db, id, his.hospital.now_ms(), stopped=stop)
        except Refusal:
            return back("pharmacy", "没有改变：没有这种药品。")
        return back("pharmacy", "药品已停用。" if stop else "药品已恢复。")


_PRESCRIPTIONS = """
SELECT rx.number, rx.doctor_name, rx.prepared_ms, rx.dispensed_ms, rx.returned_ms, rx.fetched_ms, bill.total_fen, bill.status AS bill,
    max(line.patient_name) AS patient_name, group_concat(line.drug_name || '×' || line.packs, '、') AS drugs, min(line.status) AS status
FROM his_prescription AS rx JOIN his_prescription_line_now AS line ON line.number = rx.number
LEFT JOIN his_invoice AS bill ON bill.prescription_no = rx.number
WHERE rx.ours = 1 GROUP BY rx.number ORDER BY rx.rowid DESC LIMIT ?
"""


def _messages(his: His) -> list[dict[str, Any]]:
    return his.messages.books()


def _how_far(one: Any) -> str:
    if one["returned_ms"] and not one["fetched_ms"]:
        return "已退药"
    if one["dispensed_ms"]:
        return "已发药"
    if one["prepared_ms"]:
        return "已调配"
    return {"balanced": "待调配", "issued": "待缴费"}.get(one["bill"] or "", "")


def _acts(one: Any) -> Html:
    if one["status"] == "completed":
        possible = _after_it_was_handed_out(one)
    elif one["bill"] == "issued" and one["status"] == "active":
        possible = ["pay"]
    elif one["bill"] == "balanced":
        possible = ["hand-out"] if one["prepared_ms"] else ["prepare", "hand-out"]
    else:
        possible = []
    return join(button(f"/console/prescriptions/{act}", ACTS[act], {"number": one["number"]}) for act in possible)


def _after_it_was_handed_out(one: Any) -> list[str]:
    """Taken back, and handed out anew while it is paid for."""
    if not one["returned_ms"]:
        return ["take-back"]
    return ["hand-out"] if one["bill"] == "balanced" and not one["fetched_ms"] else []
