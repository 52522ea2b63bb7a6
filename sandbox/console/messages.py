"""What the phones show, whether a phone is on, and what the carrier reports of texts."""

from typing import Annotated, Any, get_args
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from sandbox import clock
from sandbox.console.html import ROWS_SHOWN, Html, button, fate, join, section, short, show, table, tag
from sandbox.console.notice import back
from sandbox.sms import Sms
from sandbox.sms.messages import GIVEN_UP, Phone, mainland

STATES: dict[Phone, str] = {"on": "开机", "off": "关机", "away": "无信号"}
NOTE = "选一部手机，看它收到的短信和验证码。关机的手机收不到短信，运营商回执为未送达；无信号的暂无回执，恢复后送达。"


def messages_section(sms: Sms, phone: str | None) -> Html:
    """All phones; of the one in the hand its texts and its switch; and the reports."""
    phones = sms.messages.phones()
    links = join(
        Html(
            f'<a href="/console?phone={quote(str(one["phone"]))}#phones"{" aria-current" if one["phone"] == phone else ""}>'
            f"{show(one['phone'])}（{show(one['messages'])}）</a>"
        )
        for one in phones
    )
    empty = Html('<p class="empty">还没有发出过短信。</p>') if not phones else ""
    in_hand = _in_hand(sms, phone) if phone else ""
    return section("phones", "手机短信", NOTE, Html(f'<div class="phones">{links}</div>'), empty, in_hand, _reports(sms))


def _in_hand(sms: Sms, phone: str) -> Html:
    now = sms.messages.phone(phone)
    switches = (
        button("/console/phones", label, {"phone": phone, "state": state}, quiet=True) for state, label in STATES.items() if state != now
    )
    mood = tag(STATES[now], "good" if now == "on" else "bad")
    shown = sms.messages.inbox(phone)[:ROWS_SHOWN]
    texts = join(Html(f'<p class="message">{show(one["text"])}<time>{short(str(one["sent_at"]))}</time></p>') for one in shown)
    missing: list[dict[str, Any]] = sms.messages.missing(phone)[:ROWS_SHOWN]
    lost = [(short(one["sent_at"]), one["text"], _fate(one["status"])) for one in missing]
    return join(
        (
            Html(f"<p>这部手机：{mood}</p>"),
            *(switches if mainland(phone) == phone else ()),
            texts or Html('<p class="empty">这部手机没有收到短信。</p>'),
            join((Html("<h3>没有收到的短信</h3>"), table(("发送", "内容", "状态"), lost, ""))) if lost else "",
        )
    )


def _fate(status: int) -> Html:
    return tag("未送达", "bad") if status == GIVEN_UP else tag("等待回执", "wait")


def _reports(sms: Sms) -> Html:
    told: list[dict[str, Any]] = sms.reporter.books()
    rows = [
        (
            short(one["created_at"]),
            one["out_ids"],
            fate(one),
            one["attempts"],
            one["last_result"],
            button("/console/phones/report", "重发", {"id": str(one["id"])}, quiet=True),
        )
        for one in reversed(told[-ROWS_SHOWN:])
    ]
    headings = ("生成", "外部流水号", "状态", "已发次数", "最近应答", "")
    return join((Html("<h3>状态报告</h3>"), table(headings, rows, "还没有状态报告。")))


def add_message_routes(console: APIRouter, sms: Sms) -> None:
    """What the buttons do."""

    @console.post("/phones")
    async def switch(phone: Annotated[str, Form()], state: Annotated[str, Form()]) -> RedirectResponse:
        wanted = next((one for one in get_args(Phone) if one == state), None)
        number = mainland(phone)
        if wanted is None or number is None:
            return back("phones", "没有改变：没有这部手机或这种状态。", phone)
        ended = sms.messages.switch(number, wanted, clock.now())
        return back("phones", f"手机已{STATES[wanted]}，{ended} 条短信有了结果。", number)

    @console.post("/phones/report")
    async def report(id: Annotated[str, Form()]) -> RedirectResponse:
        return back("phones", f"已重发 {sms.reporter.again(id)} 批状态报告。")
