"""What the reviewing program has said."""

from typing import Any

from sandbox.console.html import ROWS_SHOWN, Html, join, section, short, show, table, tag
from sandbox.review import Review

LEVELS = {"ok": ("通过", "good"), "inform": ("提示", "wait"), "restrict": ("慎用", "wait"), "deny": ("禁用", "bad")}


def reviews_section(review: Review) -> Html:
    """Each check with its findings."""
    books: list[dict[str, Any]] = review.checks()
    rows = [
        (
            short(one["checked_at"]),
            tag(*LEVELS[one["level"]]),
            one["lines"],
            join(Html(f"<div>{show(LEVELS[found['level']][0])}：{show(found['sentence'])}</div>") for found in one["findings"]),
            one["number"],
        )
        for one in reversed(books[-ROWS_SHOWN:])
    ]
    note = "审方软件对每张处方的意见。规则与知识为演示用，不完整。对账用的全部数据见 /books/review。"
    return section("reviews", "合理用药", note, table(("审查", "结论", "药品数", "意见", "编号"), rows, "还没有审查过处方。"))
