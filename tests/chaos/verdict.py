"""What must hold when all is calm again: every book agrees, all has ended, no answer was broken, no way missed without reason."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text

from tests.auditor import audit
from tests.auditor.finding import told
from tests.auditor.processes import ENDS
from tests.chaos.client import Answered, Kept, Looked, Persistent
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import until

CALM_S: Final = 240.0
OF_THE_OUTSIDE: Final = re.compile(
    r"\w+\.(misunderstood|distrusted)|message\.not_taken|review\.no_answer|signature\.not_proved"
    r"|payment\.(unwanted|not_borne_out)|wechat_pay\.(unknown_order|other_amount)"
)
"""Lines of level `error` that a party's answer is the reason of, or a payer: weather and ways make them. Any other is a bug of ours."""
CUT_SHORT_MAX: Final = 1 / 3
"""Of all ways, and two in any case; a slow machine runs into deadlines of seconds more often."""
REFUSAL: Final = re.compile(r"^\w+ /v1/\S+: (4\d\d) (.*)", re.DOTALL)
"""Of the house, as a walker tells it."""
MOVED_ON: Final = re.compile(
    r"\w+\.(not_now|moved_on)|charge\.too_late|slot\.(past|stopped|lock_lapsed)|prescription\.visit_over|revisit\.not_entered"
)
"""Codes of a conflict that says so: the thing stands elsewhere by now, or its time is over."""
CODE: Final = re.compile(r'"code":"([\w.-]+)"')
WAIT: Final = re.compile(r"^waited \d+ s for .*; seen last: (.*)", re.DOTALL)
STOOD: Final = re.compile(r"'state': '(\w+)'")
ENDED: Final = frozenset[str]().union(*ENDS.values())
_ANSWERED = text("""
select version, after from timeline where process_id = :process_id and version = :version
""")
_SHOWN = text("""
select count(*) from audit where action = :action and subject_id = :subject_id and purpose is not null
""")


async def verdict(hospital: Hospital, line: Persistent) -> list[str]:
    """Everything that is not as it must be, each in a sentence; empty when all is well. `line` knows what everybody was answered."""
    found = [f"an answer nobody may get: {one}" for one in line.broken]
    found += await _books(hospital)
    async with backstage(hospital) as behind:
        found += await _undone(behind, line.answered)
        found += await lost(behind, line.kept)
        found += await unseen(behind, line.looked)
    return found + [f"a bug was met: {one}" for part in ("api", "worker", "sandbox") for one in bugs(hospital.log(part))]


def bugs(log: str) -> Iterator[str]:
    """Lines of a part's log that no weather excuses; what is no line of ours is a traceback, or a library's own."""
    for line in log.splitlines():
        if not line.startswith("{"):
            if line.startswith("Traceback"):
                yield line
            continue
        told = json.loads(line)
        if told.get("level") in {"error", "critical"} and not OF_THE_OUTSIDE.fullmatch(told.get("event", "")):
            yield line


def unexplained(cut_short: Sequence[tuple[str, str]], pathways: int, refusals: Collection[str], *, calm: bool) -> list[str]:
    """What weather and deadlines do not explain of ways that ended otherwise, each a way and how it was cut short.

    A conflict may say that the visit had moved on. Any other refusal by the house must be one of `refusals`, which the weather made, and so
    must the reason why something stands that was waited for; only some may miss their ends. Where it was `calm`, none may.
    """
    if calm:
        return [f"in calm {way} was cut short: {how}" for way, how in cut_short]
    found = [f"{way} was cut short for no reason of the weather: {how}" for way, how in cut_short if _strange(how, refusals)]
    if len(cut_short) > max(2, pathways * CUT_SHORT_MAX):
        found.append(f"{len(cut_short)} of {pathways} ways were cut short")
    return found


def _strange(how: str, refusals: Collection[str]) -> bool:
    """Refused, and not because the thing had moved on; or waited for in vain, and what was seen last has not come to another end."""
    if waited := WAIT.match(how):
        stood = STOOD.search(waited[1])
        return not (stood and stood[1] in ENDED) and not any(code in waited[1] for code in refusals)
    refused = REFUSAL.match(how)
    code = CODE.search(refused[2]) if refused else None
    if refused is None or (code and code[1] in refusals):
        return False
    return not (refused[1] == "409" and code and MOVED_ON.fullmatch(code[1]))


async def _books(hospital: Hospital) -> list[str]:
    at = hospital.stack.addresses

    async def differs() -> list[Any]:
        return await audit(at.database_url, at.sandbox, column_keys=hospital.column_keys, files_dir=hospital.files)

    try:
        await until("all books to agree", differs, lambda seen: not seen, CALM_S)
    except AssertionError:
        return told(await differs()).splitlines()
    return []


async def _undone(behind: Backstage, answered: Sequence[Answered]) -> list[str]:
    """A command that was answered as carried out, and of which its process knows nothing, or something else."""
    found: list[str] = []
    async with behind.transaction() as db:
        for one in answered:
            row = (await db.execute(_ANSWERED, {"process_id": one.process_id, "version": one.version})).one_or_none()
            if row is None or row.after != one.state:
                found.append(f"{one.process_id} was answered as {one.state} at {one.version}, and its timeline says {row and row.after}")
    return found


async def lost(behind: Backstage, kept: Sequence[Kept]) -> list[str]:
    """What was said or handed in, answered as kept, and is not there."""
    found: list[str] = []
    async with behind.transaction() as db:
        for one in kept:
            there = await db.scalar(text(f"select exists (select from {one.table} where id = :id)"), {"id": one.id})
            if not there:
                found.append(f"{one.id} was answered as kept, and {one.table} has it not")
    return found


async def unseen(behind: Backstage, looked: Mapping[Looked, int]) -> list[str]:
    """What staff were shown of a patient, more often than the audit tells."""
    found: list[str] = []
    async with behind.transaction() as db:
        for one, times in looked.items():
            told = await db.scalar(_SHOWN, one._asdict()) or 0
            if told < times:
                found.append(f"{one.subject_id} was shown {times} times, and the audit has {told} of {one.action}")
    return found
