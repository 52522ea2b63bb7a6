"""What the CA tells us, caught on our side of the wire and opened; and what each forgery is refused as."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways.signature.account import SignatureAccount
from gateways.signature.inbound import open_notify
from gateways.signature.rest import RestSignature
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError
from models.signature import SignatureTask
from tests.gateways.conftest import Misbehaving, answering
from tests.gateways.signature.conftest import DOCTOR, Phones

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
ACCOUNT = SignatureAccount(app_id="hospital", app_secret="secret", notify_url="https://h.example/x", base_url="https://ca.example")
TOLD: dict[str, Any] = {
    "notify_id": "N1",
    "task_id": "T1",
    "number": "0a" * 16,
    "state": "SIGNED",
    "ended_at": "2026-11-24T09:30:00+08:00",
}
Came = tuple[dict[str, str], bytes]


def signed(body: bytes, at: datetime = NOW, *, secret: str = "secret", app_id: str = "hospital", nonce: str = "n") -> dict[str, str]:
    """By hashlib's SM3, which is none of ours."""
    timestamp = str(int(at.timestamp()))
    lines = "\n".join(("NOTIFY", app_id, timestamp, nonce, hashlib.new("sm3", body).hexdigest()))
    code = hmac.new(secret.encode(), lines.encode(), "sm3").hexdigest()
    return {"X-App-Id": app_id, "X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": code}


def refused(headers: dict[str, str], body: bytes) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        open_notify(ACCOUNT, headers, body, NOW)
    return refusal.value


BODY = json.dumps(TOLD).encode()


def test_an_end_is_read_whatever_the_case_of_its_headers() -> None:
    seen = open_notify(ACCOUNT, {name.upper(): value for name, value in signed(BODY).items()}, BODY, NOW)
    assert seen.model_dump() == {
        "notify_id": "N1",
        "task_id": "T1",
        "number": ids.UUID("0a" * 16),
        "state": "SIGNED",
        "ended_at": NOW,
    }


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "headers"),
        (signed(BODY) | {"X-Nonce": ""}, "headers"),
        (signed(BODY) | {"X-Timestamp": "now"}, "headers"),
        (signed(BODY) | {"X-Timestamp": "-1"}, "headers"),
        (signed(BODY, app_id="another"), "account"),
        (signed(BODY, NOW - timedelta(seconds=301)), "timestamp"),
        (signed(BODY, NOW + timedelta(seconds=301)), "timestamp"),
        (signed(BODY, secret="another"), "signature"),
        (signed(BODY + b" "), "signature"),
        (signed(BODY) | {"X-Nonce": "m"}, "signature"),
        (signed(BODY) | {"X-Signature": ""}, "signature"),
        (signed(BODY) | {"X-Signature": "é"}, "signature"),
    ],
)
def test_what_is_not_the_cas_is_anonymous(headers: dict[str, str], reason: str) -> None:
    refusal = refused(headers, BODY)
    assert (refusal.code, refusal.kind, refusal.params) == ("signature.notify_forged", "anonymous", {"reason": reason})


@pytest.mark.parametrize("away", [-299, 299])
def test_five_minutes_are_allowed(away: int) -> None:
    assert open_notify(ACCOUNT, signed(BODY, NOW + timedelta(seconds=away)), BODY, NOW).notify_id == "N1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        *(
            json.dumps(TOLD | changes).encode()
            for changes in (
                {"state": "PENDING"},
                {"number": "1"},
                {"notify_id": ""},
                {"notify_id": "N" * 65},
                {"task_id": None},
                {"ended_at": "2026-11-24 09:30:00"},
            )
        ),
    ],
)
def test_what_is_the_cas_and_unreadable_is_malformed(body: bytes) -> None:
    refusal = refused(signed(body), body)
    assert (refusal.code, refusal.kind) == ("signature.notify_malformed", "malformed")
    assert refusal.__cause__ is None


@pytest.fixture
async def door(misbehaving: Misbehaving) -> AsyncIterator[tuple[str, "asyncio.Queue[Came]"]]:
    """Our webhook as a bare socket: its address, and what came."""
    came: asyncio.Queue[Came] = asyncio.Queue()

    async def webhook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
        headers = dict(line.split(": ", 1) for line in raw if line)
        length = next(value for name, value in headers.items() if name.lower() == "content-length")
        await came.put((headers, await reader.readexactly(int(length))))
        writer.write(answering(204, b""))

    async with misbehaving(webhook) as address:
        yield f"{address}/v1/webhooks/signature", came


async def asked(account: SignatureAccount) -> SignatureTask:
    adapter = RestSignature(account)
    task = await adapter.request_sign(ids.new(), DOCTOR, title="电子处方", text="{}", expires_at=now() + timedelta(hours=1))
    await adapter.aclose()
    return task


@pytest.mark.parametrize(("deed", "state"), [("confirm", "SIGNED"), ("refuse", "REFUSED"), ("expire", "EXPIRED")])
async def test_what_the_ca_reports_is_what_the_query_says(
    door: tuple[str, "asyncio.Queue[Came]"], hospital: SignatureAccount, phones: Phones, signing: RestSignature, deed: str, state: str
) -> None:
    url, came = door
    task = await asked(replace(hospital, notify_url=url))
    phones.deed(task.number, deed)
    headers, body = await came.get()

    seen, end = open_notify(hospital, headers, body, now()), await signing.query(task.number)
    assert end is not None
    assert (seen.number, seen.task_id, seen.state, seen.ended_at) == (end.number, end.id, end.state.upper(), end.ended_at)
    assert seen.state == state
    with pytest.raises(DomainError, match=r"notify_forged"):
        open_notify(hospital, headers, body + b" ", now())
    with pytest.raises(DomainError, match=r"notify_forged"):
        open_notify(hospital, headers, body, now() + timedelta(minutes=6))


async def test_a_notify_changed_on_the_way_is_not_the_cas_and_its_repeat_is(
    door: tuple[str, "asyncio.Queue[Came]"], hospital: SignatureAccount, phones: Phones, fault: Callable[..., None]
) -> None:
    url, came = door
    task = await asked(replace(hospital, notify_url=url))
    fault("signature", "NOTIFY SIGNED", "tampered", 0)
    fault("signature", "NOTIFY SIGNED", "duplicated", 0)
    phones.confirm(task.number)
    with pytest.raises(DomainError, match=r"notify_forged"):
        open_notify(hospital, *await came.get(), now())  # our bare socket takes it all the same
    phones.deed(task.number, "notify")
    twice = [open_notify(hospital, *await came.get(), now()) for _ in range(2)]
    assert twice[0] == twice[1]
