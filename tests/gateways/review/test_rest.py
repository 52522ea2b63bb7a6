"""The review's adapter on the sandbox's program: signed both ways, once a number, and whatever is not sure is unknown."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from gateways.review.account import ReviewAccount
from gateways.review.port import Review
from gateways.review.rest import RestReview
from gateways.review.signing import signed_headers
from models.drug import Drug, DrugKind, Frequency, Item, Route
from models.kernel import ids, sm2
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from models.prescription_his import WrittenLine
from models.review import Facts, Level
from tests.gateways.conftest import Misbehaving, answering, request_head

CHECK = "POST /v1/checks"
Fault = Callable[..., None]


@pytest.fixture
def account(credentials: dict[str, Any]) -> ReviewAccount:
    return ReviewAccount(**credentials["review"])


@pytest_asyncio.fixture
async def review(account: ReviewAccount) -> AsyncIterator[RestReview]:
    adapter = RestReview(account, limit_s=5)
    _: Review = adapter  # held by the type checker: it is the port
    yield adapter
    await adapter.aclose()


def facts(**changes: Any) -> Facts:
    return Facts.model_validate({"age_months": 816, "sex": "male", "diagnosis_codes": ("A15.0",)} | changes)


def a_line(drug: str, dose: str = "300", frequency: Frequency = Frequency.QD) -> WrittenLine:
    item = Item(drug_code=f"drug-{drug}", dose=Decimal(dose), frequency=frequency, route=Route.ORAL, days=28, packs=1)
    known = Drug(code=item.drug_code, name=drug, spec="1", kind=DrugKind.WESTERN, dose_unit="mg", doses_in_pack=Decimal(10_000))
    return WrittenLine(item=item, drug=known)


ISONIAZID = (a_line("isoniazid"),)


def checks(outside: httpx.Client, number: UUID) -> list[dict[str, Any]]:
    return [one for one in outside.get("/books/review").json()["checks"] if one["number"] == number.hex]


async def test_what_nothing_is_wrong_with(review: RestReview) -> None:
    verdict = await review.check(ids.new(), facts(weight_kg=Decimal("61.5"), pregnant=False), ISONIAZID)
    assert (verdict.level, verdict.findings) == (Level.OK, ())


async def test_each_finding_says_of_which_drug_it_is(review: RestReview) -> None:
    lines = (a_line("rifampicin", "450"), a_line("voriconazole", "200"), a_line("clopidogrel", "75"), a_line("omeprazole", "20"))

    verdict = await review.check(ids.new(), facts(), lines)

    assert verdict.level is Level.DENY
    assert [(one.drug_code, one.level, one.code) for one in verdict.findings] == [
        ("drug-voriconazole", Level.DENY, "interaction"),
        ("drug-omeprazole", Level.INFORM, "interaction"),
    ]
    assert all("合用" in one.sentence or "换用" in one.sentence for one in verdict.findings)


@pytest.mark.parametrize(
    ("told", "line", "code"),
    [
        ({"allergies": ("青霉素",)}, a_line("amoxicillin", "500"), "allergy"),
        ({"age_months": 120}, a_line("levofloxacin", "500"), "age"),
        ({"pregnant": True, "sex": "female"}, a_line("warfarin", "3"), "pregnancy"),
        ({}, a_line("theophylline", "700", Frequency.BID), "dose-max"),
    ],
)
async def test_facts_about_the_patient_count(review: RestReview, told: dict[str, Any], line: WrittenLine, code: str) -> None:
    verdict = await review.check(ids.new(), facts(**told), (line,))
    assert (verdict.level, [one.code for one in verdict.findings]) == (Level.DENY, [code])


@pytest.mark.parametrize(
    ("known", "told"),
    [({}, {}), ({"allergies": ()}, {"allergies": []}), ({"pregnant": False, "weight_kg": "61.5"}, {"pregnant": False, "weightKg": 61.5})],
    ids=["nothing", "no allergy", "weight and no pregnancy"],
)
async def test_what_nobody_knows_of_the_patient_is_not_said(misbehaving: Misbehaving, known: dict[str, Any], told: dict[str, Any]) -> None:
    heard: list[dict[str, Any]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        size = next(int(line.partition(": ")[2]) for line in head.splitlines() if line.startswith("content-length"))
        heard.append(json.loads(await reader.readexactly(size))["patient"])
        writer.write(answering(503, b"{}", {}))

    async with misbehaving(listen) as address:
        adapter = RestReview(ReviewAccount(base_url=address, app_key="k", app_secret="s3cret"), limit_s=1)
        with pytest.raises(Unknown):
            await adapter.check(ids.new(), facts(**known), ISONIAZID)
        await adapter.aclose()

    assert heard[0] == {"ageMonths": 816, "sex": "male"} | told


async def test_the_same_number_is_checked_once_and_takes_no_other_contents(review: RestReview, outside: httpx.Client) -> None:
    number = ids.new()
    verdicts = await asyncio.gather(*(review.check(number, facts(), ISONIAZID) for _ in range(5)))
    assert len({verdict.model_dump_json() for verdict in verdicts}) == 1
    assert len(checks(outside, number)) == 1

    with pytest.raises(DomainError) as refused:
        await review.check(number, facts(), (a_line("isoniazid", "400"),))
    assert (refused.value.code, refused.value.kind) == ("review.number-reused", "conflict")


@pytest.mark.parametrize("kind", ["lost", "late", "tampered"])
async def test_no_answer_and_a_changed_one_are_unknown_and_asked_again(
    review: RestReview, outside: httpx.Client, fault: Fault, kind: str
) -> None:
    number = ids.new()
    fault("review", CHECK, kind, 0.05)
    with pytest.raises(Unknown):
        await review.check(number, facts(allergies=("青霉素",)), (a_line("amoxicillin", "500"),))

    verdict = await review.check(number, facts(allergies=("青霉素",)), (a_line("amoxicillin", "500"),))

    assert verdict.level is Level.DENY
    assert len(checks(outside, number)) == 1


async def test_a_refusal_that_nobody_signed_for_us_is_no_refusal(review: RestReview, fault: Fault) -> None:
    """A fault's refusal answers no question of ours: its nonce is none."""
    fault("review", CHECK, "refused", 0)
    with pytest.raises(Unknown):
        await review.check(ids.new(), facts(), ISONIAZID)


async def test_another_key_is_told_nothing(account: ReviewAccount) -> None:
    stranger = RestReview(replace(account, app_secret="another"), limit_s=5)
    with pytest.raises(Unknown):
        await stranger.check(ids.new(), facts(), ISONIAZID)
    await stranger.aclose()


async def test_an_old_request_and_a_malformed_one_are_refused(account: ReviewAccount, outside: httpx.Client) -> None:
    def send(body: bytes, late_s: int = 0) -> tuple[int, str]:
        headers = signed_headers(account, "POST", "/v1/checks", body, str(int(now().timestamp()) - late_s), "n")
        answer = outside.post("/review/v1/checks", content=body, headers=headers)
        return answer.status_code, answer.json()["code"]

    assert await asyncio.to_thread(send, b"{}", 301) == (401, "signature")
    assert await asyncio.to_thread(send, b"{}") == (422, "invalid")
    named: dict[str, Any] = {"number": "0a" * 16, "patient": {"ageMonths": 1, "sex": "male", "name": "张三"}, "lines": []}
    assert await asyncio.to_thread(send, json.dumps(named).encode()) == (422, "invalid"), "it takes nobody's name"


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "0b" * 16},
        {"level": "ok"},
        {"level": "perhaps"},
        {"findings": [{"drugCode": "drug-other", "level": "deny", "code": "x", "sentence": "不对"}]},
        {"findings": None},
    ],
)
async def test_an_answer_that_contradicts_itself_is_unknown(misbehaving: Misbehaving, changes: dict[str, Any]) -> None:
    number = ids.new()
    finding = {"drugCode": "drug-isoniazid", "level": "deny", "code": "dose-max", "sentence": "超量"}
    body = json.dumps({"number": number.hex, "level": "deny", "findings": [finding]} | changes).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        nonce = next(line.partition(": ")[2] for line in head.splitlines() if line.startswith("x-nonce"))
        proof = sm2.hmac_sm3(b"s3cret", f"{nonce}\n".encode() + body).hex()
        writer.write(answering(200, body, {"X-Signature": proof}))

    async with misbehaving(serve) as address:
        adapter = RestReview(ReviewAccount(base_url=address, app_key="k", app_secret="s3cret"), limit_s=5)
        with pytest.raises(Unknown):
            await adapter.check(number, facts(), ISONIAZID)
        await adapter.aclose()
