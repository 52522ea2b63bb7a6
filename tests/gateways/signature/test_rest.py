"""Signing through the sandbox's CA: what is signed is proved, and each way in which it goes wrong is told apart."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.typing import EventDict

from gateways.signature.account import SignatureAccount
from gateways.signature.rest import RestSignature
from gateways.signature.signing import headers
from models.kernel import ids, sm2
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from models.signature import SignatureTask, TaskState, Trusted, canonical, digest, verify
from tests.gateways.conftest import Misbehaving, answering
from tests.gateways.signature.conftest import DOCTOR, LIMIT_S, PHARMACIST, Phones
from tests.sandbox.conftest import until

TEXT = canonical({"处方": ["布地奈德福莫特罗"], "剂量": "4.5", "note": 'a "quoted"\n line'})
REQUEST, QUERY, CERTIFICATE = "POST /v1/tasks", "GET /v1/tasks/{number}", "GET /v1/certificates/{staff_id}"


async def asked(signing: RestSignature, number: UUID | None = None, by: str = DOCTOR, text: str = TEXT) -> SignatureTask:
    expires_at = now() + timedelta(hours=1)
    return await signing.request_sign(number or ids.new(), by, title="电子处方", text=text, expires_at=expires_at)


async def ended(signing: RestSignature, number: UUID) -> SignatureTask:
    task = await signing.query(number)
    assert task is not None
    return task


@pytest.mark.parametrize("by", [DOCTOR, PHARMACIST])
async def test_what_a_person_confirms_comes_back_and_is_proved(signing: RestSignature, phones: Phones, trusted: Trusted, by: str) -> None:
    task = await asked(signing, by=by)
    assert (task.state, task.staff_id, task.digest, task.signature) == (TaskState.PENDING, by, digest(TEXT), None)
    assert await signing.query(task.number) == task

    phones.confirm(task.number)
    signed = await ended(signing, task.number)
    assert (signed.state, signed.id) == (TaskState.SIGNED, task.id)
    assert signed.signature is not None
    assert verify(TEXT, signed.signature, trusted, by=by) == await signing.certificate(by)
    assert abs(signed.signature.signed_at - now()) < timedelta(minutes=1)

    with pytest.raises(DomainError, match=r"^signature\.invalid$"):
        verify(TEXT.replace("4.5", "4.6"), signed.signature, trusted, by=by)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("expired", "signature.certificate_expired"),
        ("another", "signature.wrong_signer"),
        ("forged", "signature.untrusted"),
        ("other_text", "signature.invalid"),
    ],
)
async def test_what_a_foul_player_signs_is_not_proved(
    signing: RestSignature, phones: Phones, trusted: Trusted, how: str, code: str
) -> None:
    task = await asked(signing)
    phones.confirm(task.number, how)
    signature = (await ended(signing, task.number)).signature
    assert signature is not None
    with pytest.raises(DomainError) as refused:
        verify(TEXT, signature, trusted, by=DOCTOR)
    assert refused.value.code == code


@pytest.mark.parametrize(("deed", "state"), [("refuse", TaskState.REFUSED), ("expire", TaskState.EXPIRED)])
async def test_what_nobody_signs_ends_without_a_signature(signing: RestSignature, phones: Phones, deed: str, state: TaskState) -> None:
    task = await asked(signing)
    phones.deed(task.number, deed)
    end = await ended(signing, task.number)
    assert (end.state, end.signature) == (state, None)
    assert end.ended_at is not None
    assert await asked(signing, task.number) == end


async def test_the_same_number_is_the_first_task(signing: RestSignature, phones: Phones) -> None:
    number = ids.new()
    first, second = await asked(signing, number), await asked(signing, number)
    assert first == second
    phones.confirm(number)
    assert (await asked(signing, number)).state is TaskState.SIGNED
    assert len(phones.tasks(number)) == 1


@pytest.mark.parametrize("other", [{"text": TEXT + " "}, {"by": PHARMACIST}])
async def test_a_number_stands_for_one_text_and_signer(signing: RestSignature, other: dict[str, str]) -> None:
    number = ids.new()
    await asked(signing, number)
    with pytest.raises(DomainError, match=r"^signature\.number_used$") as refused:
        await asked(signing, number, **other)
    assert refused.value.kind == "conflict"


async def test_who_has_no_certificate_cannot_be_asked(signing: RestSignature) -> None:
    number = ids.new()
    with pytest.raises(DomainError, match=r"^signature\.no_certificate$") as refused:
        await asked(signing, number, by="doc-nobody")
    assert refused.value.kind == "conflict"
    assert await signing.query(number) is None
    assert await signing.certificate("doc-nobody") is None
    assert await signing.certificate("药师 1?") is None


async def test_a_request_lost_after_it_took_effect_is_unknown_found_and_made_once(
    signing: RestSignature, phones: Phones, fault: Callable[..., None]
) -> None:
    number = ids.new()
    fault("signature", REQUEST, "lost", 0.05)
    with pytest.raises(Unknown):
        await asked(signing, number)
    assert (await ended(signing, number)).state is TaskState.PENDING
    await asked(signing, number)
    assert len(phones.tasks(number)) == 1


async def test_a_late_request_is_unknown_and_asked_again_is_the_same_task(
    signing: RestSignature, phones: Phones, fault: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sandbox")
    number = ids.new()
    fault("signature", REQUEST, "late", 0.3)
    with pytest.raises(Unknown):
        await asked(signing, number)
    assert await signing.query(number) is None
    await asked(signing, number)
    await asyncio.to_thread(until, lambda: "sandbox.late" in caplog.text)
    assert len(phones.tasks(number)) == 1


async def test_a_doubled_request_is_one_task(signing: RestSignature, phones: Phones, fault: Callable[..., None]) -> None:
    number = ids.new()
    fault("signature", REQUEST, "duplicated", 0)
    assert (await asked(signing, number)).state is TaskState.PENDING
    assert len(phones.tasks(number)) == 1


async def test_silence_is_unknown_and_a_slow_answer_is_an_answer(signing: RestSignature, fault: Callable[..., None]) -> None:
    number = ids.new()
    fault("signature", REQUEST, "slow", 0.2)
    assert (await asked(signing, number)).state is TaskState.PENDING
    fault("signature", "*", "slow", LIMIT_S * 2, times=3)
    with pytest.raises(Unknown):
        await asked(signing, number)
    with pytest.raises(Unknown):
        await signing.query(number)
    with pytest.raises(Unknown):
        await signing.certificate(DOCTOR)


async def test_an_answer_changed_on_the_way_is_unknown_and_loud(
    signing: RestSignature, fault: Callable[..., None], lines: list[EventDict]
) -> None:
    task = await asked(signing)
    for call in (REQUEST, QUERY, CERTIFICATE):
        fault("signature", call, "tampered", 0)
    with pytest.raises(Unknown):
        await asked(signing, task.number)
    with pytest.raises(Unknown):
        await signing.query(task.number)
    with pytest.raises(Unknown):
        await signing.certificate(DOCTOR)
    assert [line["reason"] for line in lines if line["event"] == "signature.distrusted"] == ["signature"] * 3
    assert await signing.query(task.number) == task


@pytest.mark.parametrize(
    ("code", "ours", "kind"),
    [
        ("CERTIFICATE_NOT_FOUND", "signature.no_certificate", "conflict"),
        ("NUMBER_USED", "signature.number_used", "conflict"),
        ("FREQUENCY_LIMITED", None, None),
        ("SYSTEM_ERROR", None, None),
    ],
)
async def test_a_request_is_refused_in_the_cas_words(
    signing: RestSignature, ca_refuses: Callable[[str, str], None], code: str, ours: str | None, kind: str | None
) -> None:
    ca_refuses(REQUEST, code)
    with pytest.raises(DomainError if ours else Unknown) as refused:
        await asked(signing)
    assert (getattr(refused.value, "code", None), getattr(refused.value, "kind", None)) == (ours, kind)


async def test_what_a_query_is_refused_decides_nothing(signing: RestSignature, ca_refuses: Callable[[str, str], None]) -> None:
    task = await asked(signing)
    ca_refuses(QUERY, "NUMBER_USED")
    with pytest.raises(Unknown):
        await signing.query(task.number)


async def test_our_own_misconfiguration_is_loud(hospital: SignatureAccount, lines: list[EventDict]) -> None:
    for wrong in (replace(hospital, app_secret="wrong"), replace(hospital, app_id="another")):
        adapter = RestSignature(wrong, limit_s=LIMIT_S)
        with pytest.raises((Unknown, DomainError)):
            await asked(adapter)
        with pytest.raises(Unknown):
            await adapter.query(ids.new())
        await adapter.aclose()
    loud = [line["event"] for line in lines if line["log_level"] == "error"]
    assert loud == ["signature.distrusted", "signature.distrusted", "signature.misunderstood", "signature.misunderstood"]


async def test_no_log_line_holds_text_or_certificate(signing: RestSignature, phones: Phones, lines: list[EventDict]) -> None:
    task = await asked(signing)
    phones.confirm(task.number)
    await signing.query(task.number)
    await signing.certificate(DOCTOR)
    written = json.dumps(lines, default=str, ensure_ascii=False)
    assert "signature.request_sign" in written
    assert all(word not in written for word in ("布地奈德", "王建国", "MII", "doc-wangjianguo"))


def authentic(account: SignatureAccount, status: int, body: dict[str, Any], nonce: str) -> bytes:
    """Any answer in the CA's own hand."""
    raw, timestamp = json.dumps(body).encode(), str(int(now().timestamp()))
    lines = "\n".join(("ANSWER", str(status), timestamp, nonce, sm2.sm3(raw).hex()))
    code = sm2.hmac_sm3(account.app_secret.encode(), lines.encode()).hex()
    return answering(status, raw, {"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": code})


SEEN: dict[str, Any] = {
    "task_id": "T1",
    "number": "0" * 31 + "1",
    "staff_id": DOCTOR,
    "digest": digest(TEXT),
    "algorithm": "SM2-with-SM3",
    "state": "PENDING",
    "expires_at": "2026-11-24T09:30:00+08:00",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "0" * 31 + "2"},
        {"state": "LOST"},
        {"state": "SIGNED"},
        {"state": "SIGNED", "ended_at": "2026-11-24T09:30:00+08:00", "signature": "00", "certificate": "AAAA"},
        {"state": "SIGNED", "signature": "0" * 128, "certificate": "AAAA"},
        {"ended_at": "2026-11-24T09:30:00+08:00"},
        {"algorithm": "RSA"},
        {"expires_at": "2026-11-24 09:30:00"},
        {"staff_id": None},
    ],
)
async def test_a_task_that_does_not_hold_together_decides_nothing(
    misbehaving: Misbehaving, hospital: SignatureAccount, lines: list[EventDict], changes: dict[str, Any]
) -> None:
    async def ca(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        nonce = next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("x-nonce"))
        writer.write(authentic(hospital, 200, SEEN | changes, nonce))
        await writer.drain()

    async with misbehaving(ca) as address:
        adapter = RestSignature(replace(hospital, base_url=address), limit_s=LIMIT_S)
        with pytest.raises(Unknown):
            await adapter.query(UUID(int=1))
        await adapter.aclose()
    assert "AAAA" not in json.dumps(lines, default=str)


async def test_another_questions_answer_is_none(misbehaving: Misbehaving, hospital: SignatureAccount) -> None:
    async def replaying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(authentic(hospital, 200, SEEN, "an older nonce"))
        await writer.drain()

    async with misbehaving(replaying) as address:
        adapter = RestSignature(replace(hospital, base_url=address), limit_s=LIMIT_S)
        with pytest.raises(Unknown):
            await adapter.query(UUID(int=1))
        await adapter.aclose()


def test_no_two_requests_share_a_nonce(hospital: SignatureAccount) -> None:
    made = [headers(hospital, "GET", "/v1/tasks/1", b"", now()) for _ in range(50)]
    assert len({one["X-Nonce"] for one in made}) == 50
