"""What waits on the signers' phones, and how a person signs or does not."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from sandbox import clock
from sandbox.console.html import ROWS_SHOWN, Html, button, fate, join, options, section, short, show, table, tag
from sandbox.console.notice import back
from sandbox.signature import Signing
from sandbox.signature.authority import NAMES
from sandbox.signature.phone import ConfirmIn
from sandbox.signature.tasks import How
from sandbox.signature.wire import SignatureError

STATES = {"PENDING": ("待签名", "wait"), "SIGNED": ("已签名", "good"), "REFUSED": ("已拒签", "bad"), "EXPIRED": ("已过期", "bad")}
HOWS: dict[How, str] = {
    "own": "本人证书",
    "expired": "本人的过期证书",
    "another": "他人的证书",
    "forged": "伪造的证书",
    "other_text": "本人证书，但内容被换",
}
NOTE = "替医生、药师在手机上确认签名。签名前请核对内容与摘要；为了试验，也可以用不该用的证书签。"


def signatures_section(signing: Signing) -> Html:
    """Tasks that wait, with text and digest, and what became of the others."""
    waiting: list[dict[str, Any]] = signing.tasks.waiting(clock.now())
    rows = [
        (
            short(one["created_at"]),
            NAMES[one["staff_id"]],
            Html(f"<details><summary>{show(one['title'])}</summary>{show(one['text'])}</details>"),
            f"{one['digest'][:16]}…",
            short(one["expires_at"]),
            _confirm(one["number"]),
            button("/console/signatures/refuse", "拒签", {"number": one["number"]}, quiet=True),
        )
        for one in waiting[:ROWS_SHOWN]
    ]
    books: list[dict[str, Any]] = signing.tasks.books()
    ended = [
        (
            short(one["ended_at"]),
            NAMES[one["staff_id"]],
            one["title"],
            tag(*STATES[one["state"]]),
            fate(one),
            one["attempts"],
            one["last_result"],
            button("/console/signatures/notify", "重发", {"number": one["number"]}, quiet=True),
        )
        for one in reversed(books)
        if one["state"] != "PENDING"
    ]
    return section(
        "signatures",
        "签名",
        NOTE,
        table(("发起", "签名人", "内容", "摘要", "截止", "", ""), rows, "没有待签名的任务。"),
        Html("<h3>已结束</h3>"),
        table(("结束", "签名人", "内容", "结果", "通知", "已发次数", "最近应答", ""), ended[:ROWS_SHOWN], "还没有结束的任务。"),
    )


def _confirm(number: str) -> Html:
    choices = join((Html('<select name="how">'), options({**HOWS}), Html("</select>")))
    hidden = f'<input type="hidden" name="number" value="{show(number)}">'
    return Html(f'<form method="post" action="/console/signatures/confirm">{hidden}{choices}<button class="act">签名</button></form>')


def add_signature_routes(console: APIRouter, signing: Signing) -> None:
    """The forms of the section."""

    @console.post("/signatures/confirm")
    async def confirm(number: Annotated[str, Form()], how: Annotated[str, Form()] = "own") -> RedirectResponse:
        try:
            signing.tasks.confirm(number, ConfirmIn.model_validate({"how": how}).how, clock.now())
        except ValidationError:
            return back("signatures", "没有签名：没有这种证书。")
        except SignatureError as refused:
            return back("signatures", f"没有签名：{refused.message}。")
        return back("signatures", "已签名。")

    @console.post("/signatures/refuse")
    async def refuse(number: Annotated[str, Form()]) -> RedirectResponse:
        try:
            signing.tasks.refuse(number, clock.now())
        except SignatureError as refused:
            return back("signatures", f"没有拒签：{refused.message}。")
        return back("signatures", "已拒签。")

    @console.post("/signatures/notify")
    async def notify(number: Annotated[str, Form()]) -> RedirectResponse:
        due = signing.notifier.again(number)
        return back("signatures", f"已重发 {due} 条通知。")
