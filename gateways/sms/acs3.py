"""Aliyun's V3 request signature, ACS3-HMAC-SHA256 [C], for an RPC-style call: one path `/`, the action in a header.

Proved in tests by the worked example that Aliyun publishes.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

SCHEME = "ACS3-HMAC-SHA256"


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted by name, percent-encoded by RFC 3986 [C]."""
    return "&".join(f"{_encoded(name)}={_encoded(parameters[name])}" for name in sorted(parameters))


def signed_headers(
    key_id: str, secret: str, *, host: str, action: str, version: str, query: str, at: datetime, nonce: str, body: bytes = b""
) -> dict[str, str]:
    """The headers of a `POST /`; `query` is canonical already."""
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": digest,
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(headers)  # in ASCII order as they stand
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n/\n{query}\n{lines}\n{names}\n{digest}"
    to_sign = f"{SCHEME}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return headers | {"Authorization": f"{SCHEME} Credential={key_id},SignedHeaders={names},Signature={signature}"}


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
