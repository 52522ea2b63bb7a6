"""What must hold when all is calm again: every book agrees, all has ended, no answer was broken, no way missed without reason."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import text

from tests.auditor import audit
from tests.auditor.finding import told
from tests.auditor.processes import ENDS
from tests.auditor.seal import Seal
from tests.chaos.client import Answered, Kept, Looked, Persistent, Said
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.hospital import Hospital
from tests.journeys.people import until

CALM_S: Final = 240.0
OF_THE_OUTSIDE: Final = re.compile(
    r"\w+\.(misunderstood|distrusted)|his\.token_refused|message\.not_taken|review\.no_answer|signature\.not_proved"
    r"|payment\.(unwanted|not_borne_out)|wechat_pay\.(unknown_order|other_amount)"
)
"""Lines of level `error` that a party's answer is the reason of, or a payer: weather and ways make them. Any other is a bug of ours."""
CUT_SHORT_MAX: Final = 1 / 3
"""Of all ways, and two in any case; a slow machine runs into deadlines of seconds more often."""
REFUSAL: Final = re.compile(r"^\w+ /v1/\S+: (\d{3}) (.*)", re.DOTALL)
"""Of the house, as a walker tells it."""
AT_A_DESK: Final = re.compile(r"^\w+ /(?!v1/)\S+: (404|409|422) ")
"""People outside, to whom what was to come has not come: the way was cut short before."""
AWAY: Final = re.compile(r"^(Connect|Read|Write|Pool|RemoteProtocol|Network)\w*: ")
"""A line that was cut: the part at its other end was struck, and its wish could not be repeated."""
ANOTHER_END: Final = re.compile(r"^(\w+), [\w.-]+,? (?:instead of|on the way to) ")
MOVED_ON: Final = re.compile(
    r"\w+\.(not_now|moved_on)|charge\.too_late|slot\.(past|stopped|lock_lapsed)|prescription\.visit_over|revisit\.not_entered"
    r"|wechat_pay\.order_closed"
)
"""Codes of a conflict that says so: the thing stands elsewhere by now, or its time is over. An order is closed by an asking of it that the
weather refused on the way, whose answer its payer did not hear; another asking makes another order."""
CODE: Final = re.compile(r'"code":"([\w.-]+)"')
WAIT: Final = re.compile(r"^waited \d+ s for .*; seen last: (.*)", re.DOTALL)
STOOD: Final = re.compile(r"'state': '(\w+)'")
BY_RULE: Final = frozenset[str]().union(*ENDS.values()) - {"refused", "declined", "withdrawn", "paid_out"}
"""Ends to which a deadline leads, or another process: those that are left out come from a person or an answer alone."""
LINE: Final = re.compile(r'"event": "([\w.]+)".*?"level": "(?:error|critical)"')
"""In what is left of a line when its part was killed while it wrote."""
REFUSED_BY_POSTGRESQL: Final = re.compile(r"^\S+ \S+ \S+ \[\d+\] (ERROR|PANIC):  (?!canceling )")
"""Its own lines: a deadlock, a rule that a statement broke. A statement that nobody waits for any more is cancelled."""
BROKEN_RUN: Final = re.compile(r"\[TMPRL1100\]|Failed activation on workflow ")
"""A run of ours that its history contradicts (Temporal's number of that), or that threw: both are warnings only, and tried again."""
_ANSWERED = text("""
select version, after from timeline where process_id = :process_id and version = :version
""")
_SHOWN = text("""
select count(*) from audit
where action = :action and subject_id is not distinct from :subject_id and account_id = :by
and (purpose is not null or action = 'message:read')
""")
_LEFT_THE_ROOM = text("""
select exists (select from timeline where process_id = :subject_id and before = 'consulting'
and after not in ('consulting', 'waiting') and at < :at)
""")
STANDS: Final[Mapping[str, str]] = {
    "chat": "select id, text from chat where id = :id",
    "self-check": "select detail->'symptoms' as symptoms from consent where revisit_id = :id and scene = 'self_check'",
    "consent": "select text_version, text_hash from consent where revisit_id = :id and scene = 'revisit'",
    "describe": "select intake.id, text, file_ids from intake join revisit on intake.id = intake_id where revisit.id = :id",
    "survey": "select said.id, answers, remark from survey_answer as said join survey on said.id = answer_id where revisit_id = :id",
    "record": "select id, content, diagnosis_code, diagnosis_text from record where revisit_id = :id",
}
"""Where it stands what was said, by the segment of its route."""
SEALED: Final[Mapping[tuple[str, str], str]] = {
    ("chat", "text"): "chat.text",
    ("describe", "text"): "intake.text",
    ("survey", "remark"): "survey.remark",
    **{("record", one): f"record.{one}" for one in ("content", "diagnosis_code", "diagnosis_text")},
}
"""What of that is sealed, and under which name."""


async def verdict(hospital: Hospital, line: Persistent) -> list[str]:
    """Everything that is not as it must be, each in a sentence; empty when all is well. `line` knows what everybody was answered."""
    found = [f"an answer nobody may get: {one}" for one in line.broken]
    found += await _books(hospital)
    async with backstage(hospital) as behind:
        found += await _undone(behind, line.answered)
        found += await lost(behind, line.kept, line.said)
        found += await unseen(behind, line.looked)
    return found + [f"a bug was met: {one}" for part in ("api", "worker", "sandbox", "postgres") for one in bugs(hospital.log(part))]


def bugs(log: str) -> Iterator[str]:
    """Lines of a part's log that no weather excuses; what is no line of ours is a traceback, or a library's own."""
    for line in log.splitlines():
        if BROKEN_RUN.search(line):
            yield line
            continue
        if not line.startswith("{"):
            if line.startswith("Traceback") or REFUSED_BY_POSTGRESQL.match(line):
                yield line
            continue
        try:
            told = json.loads(line)
        except ValueError:
            events = LINE.findall(line)
        else:
            events = [told.get("event", "")] if told.get("level") in {"error", "critical"} else []
        if any(not OF_THE_OUTSIDE.fullmatch(event) for event in events):
            yield line


def unexplained(cut_short: Sequence[tuple[str, str]], pathways: int, refusals: Collection[str], *, calm: bool) -> list[str]:
    """What weather and deadlines do not explain of ways that ended otherwise, each a way and how it was cut short.

    A conflict may say that the visit had moved on, and what was waited for may have come to another end by a rule. Any other refusal by the
    house must be one of `refusals`, which the weather made, and so must the reason why something stands; only some may miss their ends.
    Whatever else breaks a way, a look that found something else than it must, say, is explained by nothing. Where it was `calm`, none may.
    """
    if calm:
        return [f"in calm {way} was cut short: {how}" for way, how in cut_short]
    found = [f"{way} was cut short for no reason of the weather: {how}" for way, how in cut_short if not _explained(how, refusals)]
    if len(cut_short) > max(2, pathways * CUT_SHORT_MAX):
        found.append(f"{len(cut_short)} of {pathways} ways were cut short")
    return found


def _explained(how: str, refusals: Collection[str]) -> bool:
    if any(code in how for code in refusals) or AT_A_DESK.match(how) or AWAY.match(how):
        return True
    if waited := WAIT.match(how):
        stood = STOOD.search(waited[1])
        return bool(stood and stood[1] in BY_RULE)
    if otherwise := ANOTHER_END.match(how):
        return otherwise[1] in BY_RULE
    refused = REFUSAL.match(how)
    code = CODE.search(refused[2]) if refused else None
    if not (refused and code):
        return False
    return refused[1] == "503" or (refused[1] == "409" and bool(MOVED_ON.fullmatch(code[1])))


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


async def lost(behind: Backstage, kept: Sequence[Kept], said: Mapping[Said, Mapping[str, Any]]) -> list[str]:
    """What was said or handed in, answered as kept, and is not there, or says something else. None of it is told."""
    found: list[str] = []
    seal = Seal(behind.hospital.column_keys)
    async with behind.transaction() as db:
        for one in kept:
            there = await db.scalar(text(f"select exists (select from {one.table} where id = :id)"), {"id": one.id})
            if not there:
                found.append(f"{one.id} was answered as kept, and {one.table} has it not")
        for place, words in said.items():
            row = (await db.execute(text(STANDS[place.of]), {"id": place.id})).mappings().one_or_none()
            there = _read_back(seal, place.of, cast(Mapping[str, Any], row)) if row else None
            if there is None or any(there[name] != value for name, value in words.items()):
                stands = "other words stand" if row else "nothing stands"
                found.append(f"{place.of} of {place.id} was answered as kept, and {stands} there")
    return found


def _read_back(seal: Seal, of: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """As it was said."""
    told = {name: value for name, value in row.items() if name != "id"}
    for name, value in told.items():
        if value is not None and (column := SEALED.get((of, name))):
            told[name] = seal.open(column, row["id"], value)
    if of == "record":
        told["content"] = json.loads(told["content"])
    if of == "survey":
        remark = {"remark": told["remark"]} if told["remark"] else {}
        return {"answers": told["answers"] | remark}
    return told


async def unseen(behind: Backstage, looked: Mapping[Looked, int]) -> list[str]:
    """What staff were shown of a patient, more often than the audit tells of them; of a conversation, once nobody talks in it."""
    found: list[str] = []
    shown = Counter[Looked]()
    async with behind.transaction() as db:
        for one, times in looked.items():
            if one.at is None or await db.scalar(_LEFT_THE_ROOM, {"subject_id": one.subject_id, "at": one.at}):
                shown[one._replace(at=None)] += times
        for one, times in shown.items():
            told = await db.scalar(_SHOWN, {"action": one.action, "subject_id": one.subject_id, "by": one.by}) or 0
            if told < times:
                found.append(f"{one.subject_id} was shown {times} times to {one.by}, and the audit has {told} of {one.action}")
    return found
