"""Who may speak with the HIS: OAuth client credentials, then a bearer token on every FHIR call."""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse

from sandbox.his import exchange, tables
from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal

CLIENT_ID: Final = "fuzhen"
TOKEN_LIFE_S: Final = 3600


class Access:
    """The one client that the hospital has registered, and its tokens. A token carries its own end, so it outlives a restart of the HIS."""

    def __init__(self, hospital: Hospital) -> None:
        """The client's secret is made once and kept with the books."""
        self._hospital = hospital
        tables.open_books(hospital.store)
        with hospital.store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO his_client (id, secret) VALUES (?, ?)", (CLIENT_ID, secrets.token_urlsafe(32)))
            self.secret: str = db.execute("SELECT secret FROM his_client WHERE id = ?", (CLIENT_ID,)).fetchone()["secret"]

    async def token(self, request: Request) -> JSONResponse:
        """RFC 6749 §4.4; the client names itself by HTTP Basic or in the form."""
        form = dict(await exchange.form_of(request))
        client_id, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        if client_id != CLIENT_ID or not hmac.compare_digest(secret.encode(), self.secret.encode()):
            return JSONResponse({"error": "invalid_client"}, status_code=401, headers={"WWW-Authenticate": 'Basic realm="his"'})
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        ends_ms = str(self._hospital.now_ms() + TOKEN_LIFE_S * 1000)
        return JSONResponse(
            {"access_token": f"{ends_ms}.{self._seal(ends_ms)}", "token_type": "Bearer", "expires_in": TOKEN_LIFE_S},
            headers={"Cache-Control": "no-store"},
        )

    def require(self, request: Request) -> None:
        """Refuses a call without a living token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        ends_ms, _, seal = token.strip().partition(".")
        genuine = scheme.lower() == "bearer" and hmac.compare_digest(seal.encode(), self._seal(ends_ms).encode())
        if not genuine or int(ends_ms) <= self._hospital.now_ms():
            raise Refusal("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="his"'})

    def _seal(self, ends_ms: str) -> str:
        return hmac.new(self.secret.encode(), ends_ms.encode(), hashlib.sha256).hexdigest()


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(packed, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret
