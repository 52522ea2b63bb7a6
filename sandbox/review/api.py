"""The program's wire: `POST /v1/checks`, signed both ways by HMAC-SM3. Our own shape: no such wire is public (EMULATE-C).

Signed is a request over method, path, time, nonce and body, an answer over the request's nonce and its body, lines joined by a newline.
"""

import hashlib
import hmac
import json
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.datastructures import MutableHeaders

from sandbox import clock
from sandbox.fault_kinds import Manners
from sandbox.faults import Faults
from sandbox.review.reviewer import Check, judge, level_of
from sandbox.store import Store

CHECKS: Final = "/v1/checks"
CLOCKS_DIFFER_S: Final = 300
REFUSALS: Final = {
    "invalid": (422, "报文不符合要求"),
    "number-reused": (409, "该编号已用于另一张处方"),
    "signature": (401, "签名不正确"),
    "not-licensed": (403, "授权已到期"),
    "unavailable": (503, "知识库更新中"),
}


class Door:
    """Checks come in, each number once."""

    def __init__(self, store: Store, app_key: str, secret: str) -> None:
        """`secret` proves both sides."""
        self._store, self._app_key, self._secret = store, app_key, secret

    def router(self, faults: Faults) -> APIRouter:
        """Routes for `{sandbox}/review`."""
        manners = Manners(codes=tuple(REFUSALS), refuse=lambda code: self._refusal(code, ""), tamper=_milder)
        calls = APIRouter(route_class=faults.route_class("review", manners), tags=["review"])
        calls.add_api_route(CHECKS, self.check, methods=["POST"])
        return calls

    async def check(self, request: Request) -> Response:
        """The verdict; the same number with the same contents answers the first."""
        body, nonce = await request.body(), request.headers.get("x-nonce", "")
        if not self._is_ours(request, body, nonce):
            return self._refusal("signature", nonce)
        try:
            wish = Check.model_validate_json(body)
        except ValidationError:
            return self._refusal("invalid", nonce)
        told = hashlib.sha256(body).hexdigest()
        with self._store.transaction() as db:
            kept = db.execute("SELECT * FROM review_check WHERE number = ?", (wish.number,)).fetchone()
            if kept is None:
                findings = judge(wish)
                answer = {
                    "number": wish.number,
                    "level": level_of(findings),
                    "findings": [one.model_dump(by_alias=True) for one in findings],
                }
                db.execute(
                    "INSERT INTO review_check VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        wish.number,
                        told,
                        answer["level"],
                        len(wish.lines),
                        json.dumps(answer, ensure_ascii=False),
                        clock.rfc3339(clock.now()),
                    ),
                )
                kept = db.execute("SELECT * FROM review_check WHERE number = ?", (wish.number,)).fetchone()
        if kept["told"] != told:
            return self._refusal("number-reused", nonce)
        return self._answer(200, kept["answer"].encode(), nonce)

    def _is_ours(self, request: Request, body: bytes, nonce: str) -> bool:
        timestamp = request.headers.get("x-timestamp", "")
        if request.headers.get("x-app-key") != self._app_key or not nonce or not (timestamp.isascii() and timestamp.isdigit()):
            return False
        if abs(clock.now().timestamp() - int(timestamp)) > CLOCKS_DIFFER_S:
            return False
        wanted = proof(self._secret, f"POST\n{CHECKS}\n{timestamp}\n{nonce}\n".encode() + body)
        return hmac.compare_digest(wanted.encode(), request.headers.get("x-signature", "").encode())

    def _refusal(self, code: str, nonce: str) -> Response:
        status, message = REFUSALS[code]
        return self._answer(status, json.dumps({"code": code, "message": message}, ensure_ascii=False).encode(), nonce)

    def _answer(self, status: int, body: bytes, nonce: str) -> Response:
        headers = {"X-Signature": proof(self._secret, f"{nonce}\n".encode() + body)}
        return Response(body, status, headers=headers, media_type="application/json")


def proof(secret: str, data: bytes) -> str:
    """HMAC-SM3 in hex."""
    mac = HMAC(secret.encode(), hashes.SM3())
    mac.update(data)
    return mac.finalize().hex()


def _milder(headers: MutableHeaders, body: bytes) -> bytes:
    """Somebody on the way lets everything pass."""
    del headers
    told = json.loads(body)
    return json.dumps(told | {"level": "ok", "findings": []}).encode()
