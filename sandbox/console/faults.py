"""How a person lets things go wrong outside."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from sandbox.console.html import Html, button, join, options, section, show, table
from sandbox.console.notice import back
from sandbox.fault_kinds import Kind
from sandbox.faults import EVERY_CALL, EVERY_NOTIFY, Fault, FaultIn, Faults, System

SYSTEMS: dict[System, str] = {
    "his": "医院 HIS",
    "wechat_pay": "微信支付",
    "sms": "短信",
    "logistics": "快递",
    "signature": "电子签名",
    "review": "合理用药",
    "invoice": "电子票据",
}
KINDS: dict[Kind, str] = {
    "slow": "变慢",
    "refused": "拒绝",
    "lost": "已生效但无应答",
    "duplicated": "到达两次",
    "late": "先无应答，过后才生效",
    "tampered": "应答被篡改",
}
NOTE = (
    "让接下来的若干次调用出错。等待：变慢、拒绝、篡改在等待后应答，无应答的在等待后断开，到达两次的第二次与迟到的在等待后到达。"
    "名称以 NOTIFY 开头的是外部系统发出的通知，可以丢失（选“已生效但无应答”）、到达两次、迟到或被篡改。"
)


def faults_section(faults: Faults) -> Html:
    """What is set, and the form for one more."""
    rows = [
        (SYSTEMS[fault.system], _call_name(fault.call), _kind_name(fault), f"{fault.seconds:g} 秒", f"{fault.taken} / {fault.times}")
        for fault in faults.all()
    ]
    groups = ((label, {f"{system} {call}": _call_name(call) for call in faults.calls(system)}) for system, label in SYSTEMS.items())
    targets = join(Html(f'<optgroup label="{show(label)}">{options(calls)}</optgroup>') for label, calls in groups)
    codes = options({code: SYSTEMS[system] for system in SYSTEMS for code in faults.codes(system)})
    form = Html(
        f"""<h3>新故障</h3><form method="post" action="/console/faults" class="fields">
<label>哪个接口<select name="target">{targets}</select></label>
<label>怎样出错<select name="kind">{options({**KINDS})}</select></label>
<label>等待（秒）<input type="number" name="seconds" value="5" min="0" max="3600" step="0.1" required></label>
<label>几次<input type="number" name="times" value="1" min="1" max="1000000" required></label>
<label>拒绝代码（仅“拒绝”，可不填）<input name="code" list="codes" maxlength="100"></label><datalist id="codes">{codes}</datalist>
<button>设置</button></form>"""
    )
    clear = button("/console/faults/clear", "全部恢复正常", {}, quiet=True) if rows else ""
    return section("faults", "故障", NOTE, table(("系统", "接口", "故障", "等待", "已发生"), rows, "一切正常。"), clear, form)


def add_fault_routes(console: APIRouter, faults: Faults) -> None:
    """The forms of the section."""

    @console.post("/faults")
    async def ask(
        target: Annotated[str, Form()],
        kind: Annotated[str, Form()],
        seconds: Annotated[float, Form()],
        times: Annotated[int, Form()],
        code: Annotated[str, Form()] = "",
    ) -> RedirectResponse:
        system, _, call = target.partition(" ")
        wish = {"system": system, "call": call, "kind": kind, "seconds": seconds, "times": times, "code": code or None}
        try:
            faults.set(FaultIn.model_validate(wish))
        except (ValidationError, KeyError):
            return back("faults", "没有设置：请检查接口、故障、秒数、次数和拒绝代码。")
        return back("faults", "故障已设置。")

    @console.post("/faults/clear")
    async def clear() -> RedirectResponse:
        faults.clear()
        return back("faults", "全部恢复正常。")


def _call_name(call: str) -> str:
    return {EVERY_CALL: "全部接口", EVERY_NOTIFY: "全部通知"}.get(call, call)


def _kind_name(fault: Fault) -> str:
    return f"{KINDS[fault.kind]} {fault.code}" if fault.code else KINDS[fault.kind]
