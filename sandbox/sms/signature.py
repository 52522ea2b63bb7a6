"""ACS3-HMAC-SHA256, Aliyun's V3 request signature, seen from the server: `protocols.md` §6 [C/G].

The outside oracle is the worked example that Aliyun publishes, in `tests/sandbox/sms`.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_plus

SCHEME = "ACS3-HMAC-SHA256"
SIGNED_AT_LEAST = ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version")
CLOCK_SKEW = timedelta(minutes=15)
NONCES_KEPT = 100_000
"""From so many on, nonces that the clock check would refuse by itself are forgotten."""

_AUTHORIZATION = re.compile(r"ACS3-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})")


class SmsError(Exception):
    """A call refused at the door: an HTTP status and Aliyun's error code [G]."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def parameters(query: str) -> dict[str, str]:
    """The query's parameters, decoded; a plus is a space, as in a form."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


def canonical_query(values: Mapping[str, str]) -> str:
    """Sorted by name, percent-encoded by RFC 3986."""
    return "&".join(f"{_encode(name)}={_encode(values[name])}" for name in sorted(values))


def sign(secret: str, *, method: str, query: str, headers: Mapping[str, str], signed_headers: list[str], body_sha256: str) -> str:
    """The hexadecimal signature of a call to `/`; `query` is canonical already."""
    lines = [f"{name}:{headers[name].strip()}" for name in signed_headers]
    canonical = "\n".join([method, "/", query, *lines, "", ";".join(signed_headers), body_sha256])
    to_sign = f"{SCHEME}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


class Gatekeeper:
    """Lets in whoever signs with the access key, each nonce once."""

    def __init__(self, access_key_id: str, access_key_secret: str) -> None:
        self._key_id, self._secret = access_key_id, access_key_secret
        self._nonces: dict[str, datetime] = {}

    def check(self, *, method: str, query: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Refuse a call that is not signed, too old, repeated, or signed with another key."""
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            raise SmsError(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
        key_id, names, signature = found.groups()
        signed_headers = names.split(";")
        complete = set(SIGNED_AT_LEAST) <= set(signed_headers) and all(name in headers for name in signed_headers)
        if not complete or signed_headers != sorted(signed_headers):
            raise SmsError(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
        if key_id != self._key_id:
            raise SmsError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        body_sha256 = hashlib.sha256(body).hexdigest()
        if headers["x-acs-content-sha256"] != body_sha256:
            raise SmsError(400, "SignatureDoesNotMatch", "The x-acs-content-sha256 does not match the body.")
        query = canonical_query(parameters(query))
        right = sign(self._secret, method=method, query=query, headers=headers, signed_headers=signed_headers, body_sha256=body_sha256)
        if not hmac.compare_digest(right, signature):
            raise SmsError(400, "SignatureDoesNotMatch", "Specified signature does not match our calculation.")
        self._check_fresh(headers["x-acs-date"], headers["x-acs-signature-nonce"], now)

    def _check_fresh(self, date: str, nonce: str, now: datetime) -> None:
        try:
            sent_at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise SmsError(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.") from None
        if abs(now - sent_at) > CLOCK_SKEW:
            raise SmsError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
        if len(self._nonces) >= NONCES_KEPT:
            self._nonces = {used: at for used, at in self._nonces.items() if now - at <= 2 * CLOCK_SKEW}
        if nonce in self._nonces:
            raise SmsError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces[nonce] = now


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
