"""The scheduling office of the hospital: 停诊, 恢复 and another time of a 就诊单元, and 停诊 of a doctor."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from sandbox.console.html import ROWS_SHOWN, Html, button, join, section, show, table, tag
from sandbox.console.notice import back
from sandbox.his import His, instants
from sandbox.his.outcome import REASONS, Refusal
from sandbox.his.schedules import unit_name

NOTE = "替医院的排班人员停诊、恢复或改时间。HIS 随即通知互联网医院；通知丢了，定时拉取也会发现。只停一部分时段、替诊见 /his/desk。"
LATER_MINUTES = 30


def clinics_section(his: His) -> Html:
    """就诊单元 that are not over; those with patients come first."""
    rows = [
        (
            unit_name(one),
            show(one["department_name"]),
            f"{instants.at(one['start_ms']):%H:%M}–{instants.at(one['end_ms']):%H:%M}",
            one["waiting"],
            _state(one),
            one["version"],
            join(
                (
                    button("/console/clinics", "停诊", {"id": one["id"], "act": "stop"}),
                    button("/console/clinics", "恢复", {"id": one["id"], "act": "resume"}, quiet=True),
                    button("/console/clinics", f"推迟{LATER_MINUTES}分钟", {"id": one["id"], "act": "later"}, quiet=True),
                    button("/console/clinics", "医生停诊", {"id": one["practitioner_id"], "act": "doctor"}, quiet=True),
                )
            ),
        )
        for one in his.clinics.listed(ROWS_SHOWN)
    ]
    headings = ("就诊单元", "科室", "时间", "预约", "状态", "版本", "")
    return section("clinics", "排班", NOTE, table(headings, rows, "没有未结束的就诊单元。"))


def add_clinic_routes(console: APIRouter, his: His) -> None:
    """What the buttons do."""

    @console.post("/clinics")
    async def change(id: Annotated[str, Form()], act: Annotated[str, Form()]) -> RedirectResponse:
        try:
            match act:
                case "stop":
                    his.clinics.stop_unit(id)
                case "resume":
                    his.clinics.resume_unit(id)
                case "later":
                    his.clinics.move_unit(id, LATER_MINUTES)
                case "doctor":
                    await his.clinics.stop_doctor(id)
                case _:
                    return back("clinics", "没有改变。")
        except Refusal as refused:
            return back("clinics", f"没有办成：{REASONS[refused.code].text}。")
        return back("clinics", "已办理，并通知互联网医院。")


def _state(one: Any) -> Html:
    if not one["stopped"]:
        return tag("出诊", "good")
    return tag("停诊", "bad") if one["stopped"] == one["slots"] else tag(f"停诊 {one['stopped']}/{one['slots']} 个时段", "wait")
