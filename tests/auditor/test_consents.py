"""Consents: by another, to another text, or with other answers than the visit went by."""

import json
from datetime import timedelta

import pytest

from models.consent import STABILITY_HASH, STABILITY_VERSION
from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.consents import STABILITY, UNWRITTEN
from tests.auditor.hospital import AT, Hospital


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("text_version = '1'", "text"),
        ("text_hash = reverse(text_hash)", "text"),
        ("text_hash = repeat('0', 64)", "text"),
        ("account_id = gen_random_uuid()", "account"),
    ],
    ids=("version", "hash", "zeros", "account"),
)
async def test_it_says_something_else(hospital: Hospital, change: str, wrong: str) -> None:
    visit = await hospital.visit("closed")
    assert await hospital.audit() == []
    await hospital.do(f"update consent set {change} where scene = 'revisit'")

    [found] = [one for one in await hospital.audit() if one.kind is Kind.CONTENT_CHANGED]

    assert (found.ours, found.visit) == (f"another {wrong}", visit.id)
    assert Kind.CONTENT_CHANGED in await hospital.kinds(quiet=False)


@pytest.mark.parametrize("change", ["update consent_text set text = text || '!'", "truncate consent_text"])
async def test_what_was_shown_is_not_there_any_more(hospital: Hospital, change: str) -> None:
    await hospital.visit("closed")
    await hospital.do(change)

    assert [one.ours for one in await hospital.audit()] == ["another text"]


async def test_a_text_that_came_into_force_later_changes_nothing(hospital: Hospital) -> None:
    await hospital.visit("closed")
    later = AT + timedelta(days=1)
    await hospital.insert("consent_text", version="v2", scene="revisit", title="知情同意", text="另一份", effective_at=later)
    assert await hospital.audit() == []

    await hospital.do("update consent_text set effective_at = $1 where version = 'v1'", AT - timedelta(days=1))
    await hospital.do("update consent_text set effective_at = $1 where version = 'v2'", AT)
    assert [one.ours for one in await hospital.audit()] == ["another text"]


async def test_somebody_else_accepted_it_by_the_timeline_or_at_another_time(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set name = 'consent.consent' where process_id = $1 and after = 'choosing'", visit.id)
    await hospital.do("update consent set at = $1 where scene = 'revisit'", AT + timedelta(hours=1))

    [found] = await hospital.audit()

    assert found.ours == "another account instant"


async def test_symptoms_that_were_no_emergency(hospital: Hospital) -> None:
    await hospital.visit("closed")
    await hospital.do("update consent set detail = '{\"symptoms\": [\"chest_pain\"]}' where scene = 'self_check'")

    assert [one.ours for one in await hospital.audit()] == ["another answers"]


@pytest.mark.parametrize(("unstable", "wrong"), [([], []), (["use"], ["another answers"])], ids=("stable", "not"))
async def test_whether_all_is_stable(hospital: Hospital, unstable: list[str], wrong: list[str]) -> None:
    visit = await hospital.visit("closed")
    await hospital.do("update revisit set unstable = false")
    said = {"text_version": "1", "text_hash": UNWRITTEN[STABILITY]["1"], "at": AT, "detail": json.dumps({"unstable": unstable})}
    await hospital.insert("consent", id=new(), revisit_id=visit.id, account_id=hospital.account_id, scene=STABILITY, **said)

    assert [one.ours for one in await hospital.audit()] == wrong


def test_the_questions_are_those_that_are_asked() -> None:
    """Another version of them is written down there too."""
    assert UNWRITTEN[STABILITY][STABILITY_VERSION] == STABILITY_HASH
