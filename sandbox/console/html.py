"""Small pieces of HTML; whatever is not `Html` already is escaped on its way in."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

ROWS_SHOWN = 50
"""Of a table, the newest."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def show(value: object) -> Html:
    """A value as a person reads it: nothing for None, escaped unless it is HTML."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(str(value)))


def join(parts: Iterable[object]) -> Html:
    """Pieces one after another."""
    return Html("".join(show(part) for part in parts))


def yuan(fen: int) -> str:
    """An amount as people read it; the books themselves are in fen."""
    return f"¥{fen // 100}.{fen % 100:02d}"


def short(at: str) -> str:
    """Month, day and time of an RFC 3339 text."""
    return at[5:19].replace("T", " ")


def options(labels: Mapping[str, str]) -> Html:
    """The choices of a select: value and label."""
    return join(Html(f'<option value="{show(value)}">{show(label)}</option>') for value, label in labels.items())


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> Html:
    """A table that scrolls sideways on a narrow screen, or one line saying that there is nothing."""
    if not rows:
        return Html(f'<p class="empty">{show(empty)}</p>')
    head = "".join(f"<th>{show(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{show(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return Html(f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def button(action: str, label: str, fields: Mapping[str, str], *, quiet: bool = False) -> Html:
    """A form of one button and hidden fields."""
    hidden = "".join(f'<input type="hidden" name="{show(name)}" value="{show(value)}">' for name, value in fields.items())
    return Html(
        f'<form method="post" action="{show(action)}">{hidden}<button class="{"quiet" if quiet else "act"}">{show(label)}</button></form>'
    )


def tag(text: str, tone: str) -> Html:
    """A small coloured word: `good`, `bad` or `wait`."""
    return Html(f'<span class="tag {show(tone)}">{show(text)}</span>')


def fate(notify: Mapping[str, Any]) -> Html:
    """What became of a notify."""
    if notify["delivered_at"]:
        return tag("已送达", "good")
    return tag("等待重试", "wait") if notify["due_at"] is not None else tag("已放弃", "bad")


def section(anchor: str, title: str, note: str, *parts: object) -> Html:
    """One card of the page."""
    return Html(f'<section id="{show(anchor)}"><h2>{show(title)}</h2><p class="note">{show(note)}</p>{join(parts)}</section>')
