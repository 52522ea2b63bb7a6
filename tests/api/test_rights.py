"""Every route × every role × other people's ids: nobody comes in but by the table, and nobody learns of what is not theirs."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import update

from api.app import create_app
from models.account import Role
from models.kernel import ids
from models.patient import Relation
from models.prescription import PrescriptionState
from models.queue import IF_BOOKED, LISTED, QueueList
from models.revisit import State
from models.stores import patient as patients
from models.stores.database import Database
from models.tables.revisit import RevisitRow
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.api.rights import EVERYBODY, HELD, HERE, LATER, LISTS, OPEN, PUBLIC, RIGHTS, SHOWS, WORDS
from tests.api.world import family, knocks, names_in, standing, stands, surveyed, worlds
from tests.builders import NAME
from tests.client import Hands, key, speaking, wiring
from tests.prescription.builders import a_prescription
from tests.settings import settings

ENDS_SESSION: Final = "DELETE /v1/account/sessions/current"
STREAM: Final = "GET /v1/events"
MESSAGES: Final = "GET /v1/messages"
NOT_HERE: Final = {"GET /v1/invoices/{invoice_id}/pdf"}
"""What the issuer has not given in this world."""
NOT_WRITTEN: Final = {
    "GET /v1/revisits/{revisit_id}/decline": "revisit.not_declined",
    "GET /v1/revisits/{revisit_id}/record": "record.not_written",
}
"""What this visit's people have not said yet."""
NOT_THEIRS: Final = ("R", "GET /v1/revisits/{revisit_id}/prescriptions")
"""A pharmacist reads what came to the pharmacists, one by one, and no visit."""
STANDS_IN: Final = {"POST /v1/revisits/{revisit_id}/describe": State.DESCRIBING}
"""Where a visit must stand for an id to be looked at; else it is seen by its doctor."""
NOTHING_OF_ONES_OWN: Final = {
    "GET /v1/consent-texts/revisit": "the hospital's notice, the same for everybody",
    "GET /v1/drugs": "the hospital's catalogue",
    "GET /v1/revisits/{revisit_id}/files/{file_id}": "a picture",
    "GET /v1/revisits/{revisit_id}/queue": "how many wait, and nobody's name",
    "GET /v1/prescriptions/{prescription_id}/signatures/proof": "nothing is signed in this world (tests/prescription)",
    "GET /v1/invoices/{invoice_id}/pdf": "the issuer has not given it in this world (tests/invoice)",
    "GET /v1/invoices/{invoice_id}/red/pdf": "the same",
}
"""What is read without a word of one's own in it, and why."""
OF_ALL: Final = {"GET /v1/departments", "GET /v1/slots"}
"""The hospital's own directory: the same for everybody."""
BUG: Final = 500


@pytest_asyncio.fixture(scope="module")
async def document() -> dict[str, Any]:
    app: FastAPI = create_app(await wiring(Database(settings().database_url.get_secret_value(), settings().vault())))
    doors = [door for door in iter_route_contexts(app.routes) if isinstance(door.original_route, APIRoute)]
    return {"names": {f"{method} {door.path}" for door in doors for method in door.methods or set()}, **app.openapi()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Object storage."""
    return tmp_path / "files"


@pytest_asyncio.fixture
async def api(database: Database, clock: Hands, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    parts = await wiring(database, clock)
    async with speaking(replace(parts, settings=parts.settings.model_copy(update={"files_dir": folder}))) as client:
        yield client


def said_beside(document: dict[str, Any], door: str) -> set[str]:
    """All that a client may say to a door in its body, its query and its headers, at whatever depth."""
    method, path = door.split()
    operation = document["paths"][path][method.lower()]
    found = {one["name"] for one in operation.get("parameters", []) if one["in"] != "path"}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        found |= set(_fields(document, content["schema"], frozenset()))
    return found


def _fields(document: dict[str, Any], schema: Any, within: frozenset[str]) -> Iterator[str]:
    if isinstance(schema, list):
        for one in cast(list[Any], schema):
            yield from _fields(document, one, within)
    if not isinstance(schema, dict):
        return
    told = cast(dict[str, Any], schema)
    if (name := str(told.get("$ref", "")).rpartition("/")[2]) and name not in within:
        yield from _fields(document, document["components"]["schemas"][name], within | {name})
    for field, what in told.get("properties", {}).items():
        yield field
        yield from _fields(document, what, within)
    for part in ("items", "additionalProperties", "anyOf", "allOf", "oneOf"):
        yield from _fields(document, told.get(part), within)


def test_every_route_is_in_the_table(document: dict[str, Any]) -> None:
    assert document["names"] == set(RIGHTS) | OPEN
    assert not set(RIGHTS) & OPEN


def test_every_id_that_a_route_takes_beside_its_path_is_in_the_table(document: dict[str, Any]) -> None:
    """Whatever may be said is an id that somebody is tried with below, or at the process, or one of nobody's, or a word."""
    beside = {(door, name) for door in RIGHTS for name in said_beside(document, door) - WORDS}

    assert beside == set(HERE) | set(LATER) | set(PUBLIC)
    assert {name for door in RIGHTS for name in said_beside(document, door)} >= WORDS - {"code", "login", "password"}


def test_how_anothers_id_is_refused_is_in_the_document(document: dict[str, Any]) -> None:
    """A process that ends with a refusal instead says it as its reason, a word without a dot."""
    refused = {(door, code) for (door, _), code in [*HERE.items(), *LATER.items()] if "." in code} | set(HELD.items())
    for door, code in refused:
        method, path = door.split()
        assert f"'{code}'" in str(document["paths"][path][method.lower()]["responses"]), door


async def test_who_has_no_right_is_sent_away_before_anything_is_looked_up(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path, document: dict[str, Any]
) -> None:
    """With ids of nobody, so whoever is let in finds nothing; and each answer is one that the document names."""
    [world] = await worlds(database, clock, folder, count=1)
    wrong = list[str]()
    for door, rights in RIGHTS.items():
        for letter in EVERYBODY if door != ENDS_SESSION else "":
            answer = await knocks(api, door, world.by_role[letter], {}, body={})
            method, path = door.split()
            documented = document["paths"][path][method.lower()]["responses"]
            sent_away = answer.status_code == 403 and answer.json()["code"] == "account.forbidden"
            if sent_away is (letter in rights) or str(answer.status_code) not in documented or answer.status_code == BUG:
                wrong.append(f"{letter} {door}: {answer.status_code} {answer.text[:80]}")

    assert "\n".join(wrong) == ""


async def test_what_is_another_persons_is_not_there(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path) -> None:
    """Each id in a path, all others being one's own: as missing as what never was, and nothing has moved.

    Asked for in full form by a patient and a doctor of a like visit, and by those who have none.
    """
    mine, theirs = await worlds(database, clock, folder)
    before, wrong = await standing(database), list[str]()
    people = [("P", mine.visit.patient), ("D", mine.visit.doctor), ("P", theirs.visit.stranger), ("D", theirs.visit.other_doctor)]
    for letter, who in people:
        for door, name in _ids_of_somebody(letter):
            foreign, nobodys = [await knocks(api, door, who, mine.ids | {name: id}) for id in (theirs.ids[name], str(ids.new()))]
            if foreign.status_code != 404 or foreign.json()["code"] != nobodys.json()["code"]:
                wrong.append(f"{letter} {door}, {name}: {foreign.status_code} {foreign.text[:120]}")

    assert "\n".join(wrong) == ""
    assert await standing(database) == before


def _ids_of_somebody(letter: str) -> list[tuple[str, str]]:
    """Doors to a visit or what belongs to it, by each id of their paths, for a role whose reach is a question of whose it is."""
    return [(door, name) for door, rights in RIGHTS.items() if letter in rights for name in names_in(door) if name != "doctor_id"]


@pytest.mark.parametrize(("door", "name"), HERE)
async def test_another_persons_id_beside_ones_own_path_is_refused(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path, door: str, name: str
) -> None:
    """The same request with one's own is let through, to the process that is away here."""
    mine, theirs = await worlds(database, clock, folder, STANDS_IN.get(door, State.CONSULTING))
    for letter in RIGHTS[door] if door != STREAM else "PD":
        who, before = mine.by_role[letter], await standing(database)
        foreign = await knocks(api, door, who, mine.ids, beside={name: theirs.beside(name)})
        assert (foreign.status_code in {404, 422}, foreign.json().get("code")) == (True, HERE[door, name])
        assert await standing(database) == before
        if door != STREAM:  # which has no end
            own = await knocks(api, door, who, mine.ids, beside={name: mine.beside(name)})
            assert own.status_code in {201, 503}, own.text


async def test_one_topic_of_anothers_closes_the_whole_stream(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path
) -> None:
    mine, theirs = await worlds(database, clock, folder)
    for subject, id in (("revisit", "revisit_id"), ("chat", "revisit_id"), ("charge", "charge_id")):
        for who in (mine.visit.patient, mine.visit.doctor, mine.by_role["R"]):
            topics = f"revisit:{mine.ids['revisit_id']},{subject}:{theirs.ids[id]}"
            answer = await knocks(api, STREAM, who, {}, beside={"topics": topics})
            assert (answer.status_code, answer.json()["code"]) == (404, "live.missing")


async def test_no_list_shows_what_is_another_persons(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path) -> None:
    """Nothing that a patient or a doctor may read of their own names anything of a like visit of others, wherever the two stand.

    Each shows something of one's own in one of these states, but for what is written down.
    """
    first, second = await worlds(database, clock, folder)
    last_month = clock().replace(day=1) - timedelta(days=2)
    wrong, seen, empty = list[str](), set[tuple[str, str]](), {(letter, door) for letter in "PD" for door in _readings_of(letter)}
    for one in (first, second):
        await surveyed(database, one, last_month)
    for state in (State.BOOKED, State.WAITING, State.CONSULTING, State.ENDED, State.DECLINED):
        for one in (first, second):
            await stands(database, one, state)
        for letter, mine, theirs in [(letter, *pair) for letter in "PD" for pair in ((first, second), (second, first))]:
            for door, beside in [(one, each) for one in _readings_of(letter) for each in _asked_with(one, last_month)]:
                answer = await knocks(api, door, mine.by_role[letter], mine.ids, beside=beside)
                assert answer.status_code != 422, f"{door} {answer.text}"
                seen |= {(door, name) for name in LISTS.get(door, ()) if mine.ids[name] in answer.text}
                wrong += [f"{letter} {door} shows their {name}" for name, id in theirs.ids.items() if id in answer.text]
                if answer.is_success and any(id in answer.text for id in mine.ids.values()):
                    empty.discard((letter, door))

    assert "\n".join(wrong) == ""
    assert seen == {(door, name) for door, names in LISTS.items() for name in names}
    assert {door for _, door in empty} == set(NOTHING_OF_ONES_OWN)


def _readings_of(letter: str) -> list[str]:
    return [door for door, rights in RIGHTS.items() if door.startswith("GET") and letter in rights and door not in OF_ALL | {STREAM}]


def _asked_with(door: str, last_month: datetime) -> list[dict[str, object]]:
    """What a list is asked with to show its rows: each that it has."""
    each = {
        "GET /v1/queue/{schedule_id}": [{"list": one.value} for one in QueueList],
        "GET /v1/surveys/mine": [{"month": f"{last_month:%Y-%m}"}],
        "GET /v1/drugs": [{"q": "噻"}],
    }
    return cast(list[dict[str, object]], each.get(door, [{}]))


def test_each_reading_of_one_thing_is_in_the_table_of_what_it_shows() -> None:
    assert set(SHOWS) == {door for door in RIGHTS if door.startswith("GET") and names_in(door)} - set(NOTHING_OF_ONES_OWN)


async def test_what_is_asked_of_one_patient_shows_nothing_of_the_other(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path
) -> None:
    """An account has two patients, a doctor two visits, the offices all: whatever has an id in its path, or takes a visit's beside it,
    shows what belongs to that one, and nothing of the other. What it shows besides what it was asked with stands in the table.
    """
    both, wrong, seen = await family(database, clock, folder), list[str](), {door: set[str]() for door in SHOWS}
    asked = [(door, dict[str, str]()) for door in RIGHTS if door.startswith("GET") and names_in(door)]
    for state in (State.BOOKED, State.CONSULTING, State.DECLINED):
        for one in both:
            await stands(database, one, state)
        for mine, theirs in (both, reversed(both)):
            foreign = {name: id for name, id in theirs.ids.items() if id not in mine.ids.values()}
            of_visit = [(MESSAGES, {"visit_id": mine.ids["revisit_id"]})]
            for door, beside in [*asked, *of_visit]:
                for letter, each in [
                    (letter, each) for letter in RIGHTS[door] for each in ([beside] if beside else _asked_with(door, clock()))
                ]:
                    answer = await knocks(api, door, mine.by_role[letter], mine.ids, beside=each)
                    wrong += [f"{letter} {door} shows the other's {name}" for name, id in foreign.items() if id in answer.text]
                    shown = {name for name, id in mine.ids.items() if id in answer.text and name not in names_in(door)}
                    seen.setdefault(door, set()).update(shown if answer.is_success else ())

    assert "\n".join(wrong) == ""
    assert seen.pop(MESSAGES) >= {"message_id"}
    assert {door: tuple(sorted(names)) for door, names in seen.items() if door in SHOWS} == SHOWS


async def test_what_is_of_ones_other_patient_is_not_taken_for_this_one(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path
) -> None:
    """An id of the other visit behind or beside the id of this one."""
    wrong = list[str]()
    mine, theirs = await family(database, clock, folder)
    for door, rights in RIGHTS.items():
        for letter, name in [(letter, name) for letter in rights for name in names_in(door)[1:]]:
            answer = await knocks(api, door, mine.by_role[letter], mine.ids | {name: theirs.ids[name]})
            wrong += [f"{letter} {door}, {name}: {answer.status_code}"] * (answer.status_code != 404)
    for (door, name), code in ((one, code) for one, code in HERE.items() if one[0] != STREAM):
        for one in (mine, theirs):
            await stands(database, one, STANDS_IN.get(door, State.CONSULTING))
        answer = await knocks(api, door, mine.by_role[RIGHTS[door][0]], mine.ids, beside={name: theirs.beside(name)})
        wrong += [f"{door}, {name}: {answer.status_code} {answer.text[:120]}"] * (answer.json().get("code") != code)

    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("state", State)
async def test_a_doctor_reaches_a_visit_once_it_was_booked(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path, state: State
) -> None:
    """And never one that was left before it was paid: nothing that asks for a visit's doctor, or for its things, finds it."""
    [world] = await worlds(database, clock, folder, state, count=1)
    charge_id, theirs = UUID(world.ids["charge_id"]), state in LISTED
    wrong = list[str]()
    for settled in (True, False):
        async with database.transaction() as db:
            paid = {"charge_id": charge_id if settled else None}
            await db.execute(update(RevisitRow).where(RevisitRow.id == world.visit.id).values(**paid))
        for door in (one for one in _readings_of("D") if "{revisit_id}" in one):
            answer = await knocks(api, door, world.by_role["D"], world.ids)
            found = answer.status_code != 404 or answer.json()["code"] == NOT_WRITTEN.get(door)
            if found is not (theirs and (settled or state not in IF_BOOKED)):
                wrong.append(f"{door}, settled {settled}: {answer.status_code} {answer.text[:80]}")

    assert "\n".join(wrong) == ""


async def test_who_knows_name_and_number_reads_nothing_of_another_account(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path
) -> None:
    """The number of a patient is known to many: what it leads to is the patient, and no visit, bill or word of theirs."""
    [world] = await worlds(database, clock, folder, count=1)
    account_id, who = await patient_signed_in(database, clock)
    async with database.transaction() as db:
        await patients.bind(db, account_id, NAME, world.visit.person.id_number, Relation.OTHER, clock())
    known, wrong = {"patient_id"}, list[str]()
    for door in _readings_of("P"):
        answer = await knocks(api, door, who, world.ids)
        wrong += [f"{door} shows their {name}" for name, id in world.ids.items() if name not in known and id in answer.text]

    assert "\n".join(wrong) == ""


async def test_a_pharmacist_reaches_what_came_to_the_pharmacists(
    api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path
) -> None:
    """A draft is nobody's but its doctor's."""
    [world] = await worlds(database, clock, folder, count=1)
    before, wrong = await standing(database), list[str]()
    for door in (one for one, rights in RIGHTS.items() if "R" in rights and "{prescription_id}" in one):
        answer = await knocks(api, door, world.by_role["R"], {"prescription_id": world.ids["draft_id"]})
        if (answer.status_code, answer.json()["code"]) != (404, "prescription.missing"):
            wrong.append(f"{door}: {answer.status_code} {answer.text[:120]}")

    assert "\n".join(wrong) == ""
    assert await standing(database) == before


async def test_what_a_pharmacist_holds_is_no_others(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path) -> None:
    """In the queue it stands as somebody's, and 下一张 gives it to nobody; what is asked about it is `HELD`, refused by its process."""
    [world] = await worlds(database, clock, folder, count=1)
    await a_prescription(database, clock, world.visit, PrescriptionState.QUEUED, queued_at=clock())
    _, other = await staff_signed_in(database, clock, Role.PHARMACIST)
    held = (await api.post("/v1/reviews/next", headers=world.by_role["R"] | key())).json()

    [mine], [theirs] = [(await api.get("/v1/reviews", headers=who)).json()["items"] for who in (world.by_role["R"], other)]
    following = await api.post("/v1/reviews/next", headers=other | key())

    assert (mine["id"], mine["mine"], theirs["mine"], theirs["held_until"]) == (held["id"], True, False, held["held_until"])
    assert following.status_code == 204
    assert set(HELD) <= set(RIGHTS)


async def test_whose_it_is_finds_it(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path) -> None:
    """The same ids, read by those whose they are: so the others were sent away from what is there."""
    [world] = await worlds(database, clock, folder, count=1)
    missing = list[str]()
    for door, rights in RIGHTS.items():
        for letter in rights if door.startswith("GET") and "{" in door and door not in NOT_HERE else "":
            answer = await knocks(api, door, world.by_role[letter], world.ids)
            if answer.status_code == 404 and answer.json()["code"] != NOT_WRITTEN.get(door) and (letter, door) != NOT_THEIRS:
                missing.append(f"{letter} {door}: {answer.text[:120]}")

    assert "\n".join(missing) == ""


async def test_each_request_is_in_full_form(api: httpx.AsyncClient, database: Database, clock: Hands, folder: Path) -> None:
    """Asked for by whose it is: no form is refused before the ids are looked at, which would hide whose they are."""
    [world] = await worlds(database, clock, folder, count=1)
    wrong = list[str]()
    for door, rights in RIGHTS.items():
        if door.partition(" ")[0] not in {"GET", "DELETE"} and "{" in door:
            answer = await knocks(api, door, world.by_role[rights[0]], world.ids)
            if answer.status_code >= 400 and answer.json()["code"].startswith("request."):
                wrong.append(f"{rights[0]} {door}: {answer.text[:120]}")

    assert "\n".join(wrong) == ""
