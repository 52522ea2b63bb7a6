"""A hospital of the tests' own: authenticates by hand, so that it can also do so wrongly. Its SM3 is hashlib's."""

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from sandbox import clock

DOCTOR, PHARMACIST = "doc-wangjianguo", "pha-qianyulan"
TEXT = '{"处方":"布地奈德福莫特罗"}'


@dataclass(frozen=True)
class Hospital:
    """Knows what `GET /credentials` told."""

    keys: dict[str, str]
    http: httpx.Client
    url: str = "http://127.0.0.1:9/webhooks/signature"

    def task(self, **changes: Any) -> dict[str, Any]:
        """A body that the CA takes as it is."""
        text = changes.get("text", TEXT)
        body = {
            "number": secrets.token_hex(16),
            "staff_id": DOCTOR,
            "title": "电子处方",
            "text": text,
            "digest": hashlib.new("sm3", text.encode()).hexdigest(),
            "algorithm": "SM2-with-SM3",
            "expires_at": (clock.now() + timedelta(hours=1)).isoformat(),
            "notify_url": self.url,
        }
        return body | changes

    def call(self, method: str, path: str, body: object = None, **said: str) -> httpx.Response:
        """One call; `said` overrides its headers, `body_sent` the body after it was authenticated."""
        content = b"" if body is None else json.dumps(body).encode()
        timestamp, nonce = said.get("X-Timestamp", str(int(time.time()))), said.get("X-Nonce", secrets.token_hex(16))
        headers = {
            "X-App-Id": self.keys["app_id"],
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Signature": self.code(method, path, timestamp, nonce, body=content),
            "Content-Type": "application/json",
        }
        sent = said.pop("body_sent", None)
        url = self.keys["base_url"] + path
        return self.http.request(method, url, content=content if sent is None else sent.encode(), headers=headers | said)

    def code(self, *lines: str, body: bytes) -> str:
        message = "\n".join((*lines, hashlib.new("sm3", body).hexdigest())).encode()
        return hmac.new(self.keys["app_secret"].encode(), message, "sm3").hexdigest()

    def request(self, body: dict[str, Any]) -> httpx.Response:
        return self.call("POST", "/v1/tasks", body)

    def requested(self, **changes: Any) -> str:
        """The number of a new task."""
        body = self.task(**changes)
        assert self.request(body).json()["state"] == "PENDING"
        return body["number"]

    def query(self, number: str) -> httpx.Response:
        return self.call("GET", f"/v1/tasks/{number}")

    def certificate(self, staff_id: str) -> httpx.Response:
        return self.call("GET", f"/v1/certificates/{staff_id}")

    def on_phone(self, number: str, deed: str, **body: str) -> httpx.Response:
        """The signer: `confirm`, `refuse`; and `expire`, `notify` of nobody's."""
        return self.http.post(f"/signature/phone/tasks/{number}/{deed}", json=body)

    def checks(self, answer: httpx.Response) -> bool:
        """Whether the CA answered this, and to this very question."""
        said = answer.headers
        right = self.code("ANSWER", str(answer.status_code), said["X-Timestamp"], answer.request.headers["X-Nonce"], body=answer.content)
        return hmac.compare_digest(right, said["X-Signature"])

    def told(self, number: str) -> dict[str, Any]:
        """The books' line of a task."""
        [row] = [row for row in self.http.get("/books/signature").json()["tasks"] if row["number"] == number]
        return row
