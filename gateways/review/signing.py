"""HMAC-SM3 of the review's wire, both ways, over lines joined by a newline. Its names are our own: no such wire is public."""

from collections.abc import Mapping

from gateways.review.account import ReviewAccount
from models.kernel import sm2
from models.kernel.vault import same


def signed_headers(account: ReviewAccount, method: str, path: str, body: bytes, timestamp: str, nonce: str) -> dict[str, str]:
    """Of a request: method, path, time, nonce, body."""
    proof = _proof(account, f"{method}\n{path}\n{timestamp}\n{nonce}\n".encode() + body)
    return {"X-App-Key": account.app_key, "X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": proof}


def is_theirs(account: ReviewAccount, headers: Mapping[str, str], body: bytes, nonce: str) -> bool:
    """Of an answer: the nonce of our request, and the body, so that no other answer can stand for it."""
    return same(_proof(account, f"{nonce}\n".encode() + body).encode(), headers.get("x-signature", "").encode())


def _proof(account: ReviewAccount, data: bytes) -> str:
    return sm2.hmac_sm3(account.app_secret.encode(), data).hex()
