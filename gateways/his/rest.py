"""FHIR R4 REST as our HIS speaks it: token, refusals, pages, versions. Knows no capability."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar, cast
from urllib.parse import urlencode

import structlog
from pydantic import BaseModel, ValidationError
from structlog.typing import FilteringBoundLogger

from gateways.his.account import HisAccount
from gateways.his.resources import Bundle, Json, OperationOutcome, Patient, Resource, needed
from gateways.wire import LIMIT_S, Answer, Call, Wire
from models.kernel.errors import DomainError, Unknown

PULL_LIMIT_S = 30.0
"""Reading a whole directory or a week of slots page by page: no step waits for it behind a fence."""

_FHIR_JSON = "application/fhir+json"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_REFUSING = frozenset({404, 409, 410, 412, 422})
"""Statuses by which the HIS speaks of our wish. Any other 4xx speaks of us (credentials, our request's form): nobody is refused for it."""
_ELEMENTS = {"Patient.telecom": "phone", "Patient.address": "address"}
_RENEW_BEFORE_S = 60
_COUNT = "500"

R = TypeVar("R", bound=Resource)
Query = Sequence[tuple[str, str]]
Edit = Callable[[Json], Json | None]
"""The resource as it shall be, or None when nothing is to be done."""

_log: FilteringBoundLogger = structlog.get_logger()


class _Token(BaseModel):
    access_token: str
    expires_in: int


class FhirRest:
    """Requests of one call on its wire. A refusal is `DomainError` `his.<the HIS's own code>`."""

    def __init__(self, account: HisAccount, *, limit_s: float = LIMIT_S, pull_limit_s: float = PULL_LIMIT_S) -> None:
        self._account, self._pull_limit_s = account, pull_limit_s
        self._wire = Wire("his", account.base_url, limit_s=limit_s)
        self._root = f"{self._wire.base_url}/fhir/R4"
        self._token, self._token_until = "", 0.0
        self._renewing = asyncio.Lock()
        self.call = self._wire.call

    async def aclose(self) -> None:
        await self._wire.aclose()

    def pull(self, name: str, **numbers: object) -> AbstractAsyncContextManager[Call]:
        """A call that reads much, with the time for it."""
        return self._wire.call(name, limit_s=self._pull_limit_s, **numbers)

    async def read(self, call: Call, kind: type[R], id: str) -> R:
        """One resource by its id."""
        return parsed(call, kind, _resource(await self._send(call, "GET", f"{self._root}/{kind.__name__}/{id}")))

    async def search(self, call: Call, kind: str, *query: tuple[str, str]) -> list[Json]:
        """Everything that a search finds, all its pages."""
        url = f"{self._root}/{kind}?{urlencode([*query, ('_count', _COUNT)])}"
        return await self._pages(call, await self._send(call, "GET", url))

    async def find(self, call: Call, kind: str, system: str, number: str) -> list[Json]:
        """What bears a number of ours."""
        return await self.search_all(call, kind, ("identifier", f"{system}|{number}"))

    async def search_all(self, call: Call, kind: str, *query: tuple[str, str]) -> list[Json]:
        """The same as `search`, but that the HIS refuses the question says nothing of what it has: `Unknown`."""
        try:
            return await self.search(call, kind, *query)
        except DomainError as refused:
            raise Unknown(f"asked, and answered {refused.code}") from refused

    async def search_unseen(self, call: Call, kind: str, *query: tuple[str, str]) -> list[Json]:
        """The same by POST: its values are personal and stand in no URL."""
        answer = await self._send(call, "POST", f"{self._root}/{kind}/_search", urlencode(query).encode(), **_FORM)
        return await self._pages(call, answer)

    async def create(self, call: Call, resource: Json, system: str, number: str) -> Json:
        """A conditional create under our number: made now, or the first one made under it, in whatever state it is."""
        made = resource | {"identifier": [{"system": system, "value": number}]}
        return await self.create_unless(call, made, ("identifier", f"{system}|{number}"))

    async def create_unless(self, call: Call, resource: Json, found: tuple[str, str]) -> Json:
        """Made now, unless this search finds one: then that."""
        condition = {"If-None-Exist": urlencode([found], safe=":/|")}
        return _resource(await self._send(call, "POST", f"{self._root}/{resource['resourceType']}", _dumped(resource), **condition))

    async def change(self, call: Call, kind: type[R], id: str, edit: Edit) -> R:
        """Reads it, edits it, writes it back on the version read; changed meanwhile, once more from there."""
        try:
            return await self._change(call, kind, id, edit)
        except _Moved:
            return await self._change(call, kind, id, edit)

    async def operate(self, call: Call, path: str, parameters: Sequence[Json]) -> Json:
        """`POST …/$operation` with FHIR Parameters."""
        body = _dumped({"resourceType": "Parameters", "parameter": list(parameters)})
        return _resource(await self._send(call, "POST", f"{self._root}/{path}", body))

    async def _change(self, call: Call, kind: type[R], id: str, edit: Edit) -> R:
        url = f"{self._root}/{kind.__name__}/{id}"
        found = _resource(await self._send(call, "GET", url))
        read, edited = parsed(call, kind, found), edit(found)
        if edited is None:
            return read
        version = {"If-Match": f'W/"{needed(read.meta.version_id, "meta.versionId")}"'}
        return parsed(call, kind, _resource(await self._send(call, "PUT", url, _dumped(edited), **version)))

    async def _pages(self, call: Call, answer: Answer) -> list[Json]:
        found: list[Json] = []
        while True:
            bundle = Bundle.model_validate(answer.json())
            found += [entry.resource for entry in bundle.entry]
            onward = next((link.url for link in bundle.link if link.relation == "next"), None)
            if onward is None:
                return found
            if not onward.startswith(f"{self._root}/"):  # our token goes nowhere else
                raise Unknown("the next page stands outside the HIS")
            answer = await self._send(call, "GET", onward)

    async def _send(self, call: Call, method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
        """Each request is repeatable: creates are conditional, changes carry their version, operations their number."""
        given = {"Accept": _FHIR_JSON} | ({"Content-Type": _FHIR_JSON} if body is not None else {}) | headers
        token = await self._bearer(call)
        answer = await call.send(method, url, repeatable=True, headers=given | {"Authorization": f"Bearer {token}"}, content=body)
        if answer.status == 401:  # it ended before its time, or the HIS has forgotten it
            token = await self._bearer(call, stale=token)
            answer = await call.send(method, url, repeatable=True, headers=given | {"Authorization": f"Bearer {token}"}, content=body)
        if not answer.granted:
            raise _refused(call, answer)
        return answer

    async def _bearer(self, call: Call, stale: str | None = None) -> str:
        """The token of our client credentials (RFC 6749 §4.4), fetched once for all who wait."""
        async with self._renewing:
            if self._token in ("", stale) or time.monotonic() > self._token_until:
                basic = base64.b64encode(f"{self._account.client_id}:{self._account.client_secret}".encode()).decode()
                headers = _FORM | {"Authorization": f"Basic {basic}"}
                url, body = f"{self._wire.base_url}/token", b"grant_type=client_credentials"
                answer = await call.send("POST", url, repeatable=True, headers=headers, content=body)
                if not answer.granted:
                    _log.error("his.token_refused", status=answer.status)
                    raise Unknown("the HIS gives us no token")
                token = _Token.model_validate(answer.json())
                self._token, self._token_until = token.access_token, time.monotonic() + token.expires_in - _RENEW_BEFORE_S
            return self._token


class _Moved(Unknown):
    """Changed by another hand since we read it: nothing was done."""


def parsed(call: Call, kind: type[R], resource: Json) -> R:
    """The resource as we read it; an unreadable one is named in the call's log line."""
    try:
        return kind.model_validate(resource)
    except ValidationError:
        call.note(resource=kind.__name__ if kind is Patient else f"{kind.__name__}/{resource.get('id')}")
        raise


def _resource(answer: Answer) -> Json:
    body = answer.json()
    if not isinstance(body, dict):
        raise Unknown("the answer is no resource")
    return cast("Json", body)


def _dumped(resource: Json) -> bytes:
    return json.dumps(resource, ensure_ascii=False, default=float).encode()  # Decimals that we read come back as the numbers they were


def _refused(call: Call, answer: Answer) -> Exception:
    try:
        issues = OperationOutcome.model_validate(answer.json()).issue
    except (ValidationError, Unknown):
        issues = ()
    code, element = next(((coding.code, issue.expression) for issue in issues for coding in issue.details.coding), (None, ()))
    if answer.status == 412:
        return _Moved("changed meanwhile")
    if answer.status not in _REFUSING or not code:
        _log.error("his.misunderstood", status=answer.status, answered=code, **call.numbers)
        return Unknown(f"status {answer.status}, which is no refusal")
    where = {"element": _ELEMENTS.get(element[0], element[0])} if element else {}
    return DomainError(f"his.{code}", "invalid" if code == "invalid" else "conflict", **where)
