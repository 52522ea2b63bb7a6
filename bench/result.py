"""One figure of a run: the house's, the bare program's, their ratio, and the budget that it is held to."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Result:
    """`value` and `bare` in the unit that `name` says; `ratio` is value / bare. Without a bare program the budget is on `value` itself."""

    name: str
    value: float
    bare: float | None
    ratio: float | None
    budget: str | None
    """As it reads: `>= 0.6`, `<= 2`; none for a figure that is only told."""
    holds: bool | None

    @classmethod
    def of(cls, name: str, value: float, *, bare: float | None = None, at_least: float | None = None, at_most: float | None = None) -> Self:
        """Judged by its ratio where there is a bare figure, else by its value."""
        ratio = value / bare if bare else None
        judged = value if ratio is None else ratio
        match at_least, at_most:
            case None, None:
                return cls(name, value, bare, ratio, None, None)
            case float() | int() as least, None:
                return cls(name, value, bare, ratio, f">= {least:g}", judged >= least)
            case None, float() | int() as most:
                return cls(name, value, bare, ratio, f"<= {most:g}", judged <= most)
            case _:
                raise ValueError("a budget is a floor or a ceiling")


def table(results: Sequence[Result]) -> str:
    """For a person: one line each, and whether the budget holds."""
    head = ("measure", "value", "bare", "ratio", "budget", "holds")
    rows = [head, *(_cells(one) for one in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def written(results: Sequence[Result], file: Path, *, beside: bool = False) -> None:
    """For a program: `[{"name", "value", "bare", "ratio", "budget", "holds"}]`. `beside` what stands there of other figures."""
    known = {one["name"]: one for one in json.loads(file.read_text(encoding="utf-8"))} if beside and file.exists() else {}
    figures = known | {one.name: asdict(one) for one in results}
    file.write_text(json.dumps([*figures.values()], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cells(one: Result) -> tuple[str, ...]:
    holds = {True: "yes", False: "NO", None: ""}[one.holds]
    return one.name, _figure(one.value), _figure(one.bare), _figure(one.ratio), one.budget or "", holds


def _figure(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}" if number < 10_000 else f"{number:,.0f}"
