"""One FHIR request and its answer: bodies, conditions in headers, resources, Bundles."""

import json
from decimal import Decimal
from email.utils import formatdate
from typing import Any, Final, NoReturn, cast
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse

from sandbox.his import elements, instants, wire
from sandbox.his.elements import Json
from sandbox.his.outcome import Refusal

_BODY_MAX: Final = 256 * 1024
_JSON_TYPES: Final = (wire.FHIR_JSON, "application/json")


def base_url(request: Request) -> str:
    """The FHIR base as this client knows it, e.g. `http://127.0.0.1:8401/his/fhir/R4`."""
    before, _, _ = request.url.path.partition(wire.FHIR_ROOT)
    return f"{request.url.scheme}://{request.url.netloc}{before}{wire.FHIR_ROOT}"


async def resource_of(request: Request, kind: str) -> Json:
    """The resource in the body. Amounts come as Decimal, never float; refused `malformed` when it is no such resource."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _JSON_TYPES:
        raise Refusal("malformed", hint=f"content-type {wire.FHIR_JSON} expected")
    raw = await request.body()
    if len(raw) > _BODY_MAX:
        raise Refusal("malformed", hint=f"a body has at most {_BODY_MAX} bytes")
    try:
        body: object = json.loads(raw, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal("malformed", hint="no JSON") from error
    if elements.text_at(body, "resourceType") != kind:
        raise Refusal("malformed", f"{kind}.resourceType", f"a {kind} expected")
    return cast("Json", body)


async def form_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form body (`_search`, token)."""
    raw = await request.body()
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise Refusal("malformed", hint="no form") from error


def creation_number(request: Request, body: Json, system: str) -> str:
    """Our client's number of a conditional create; header and body must name the same one."""
    condition = request.headers.get("if-none-exist")
    if condition is None:
        raise Refusal("required", hint=f"If-None-Exist: identifier={system}|<number>")
    number = elements.value_of(body, system)
    if not number or len(number) > 64:
        raise Refusal("invalid", f"{body['resourceType']}.identifier", f"one identifier of {system}, up to 64 characters")
    if parse_qsl(condition) != [("identifier", f"{system}|{number}")]:
        raise Refusal("invalid", f"{body['resourceType']}.identifier", "If-None-Exist names another identifier")
    return number


def require_version(request: Request, version: int) -> None:
    """The change was made from this version: `If-Match: W/"<version>"`."""
    condition = request.headers.get("if-match")
    if condition is None:
        raise Refusal("required", hint="If-Match")
    if condition.strip().removeprefix("W/").strip('"') != str(version):
        raise Refusal("version-conflict", hint=f"current version is {version}")


def answer(resource: Json, status: int = 200, location: str | None = None) -> JSONResponse:
    """A resource with its version in the headers."""
    updated_ms = instants.parse_instant(resource["meta"]["lastUpdated"])
    headers = {"ETag": f'W/"{resource["meta"]["versionId"]}"', "Last-Modified": formatdate(updated_ms / 1000, usegmt=True)}
    if location:
        headers["Location"] = location
    return JSONResponse(resource, status_code=status, headers=headers, media_type=wire.FHIR_JSON)


def created(request: Request, resource: Json, *, made: bool) -> JSONResponse:
    """201 for what was made now, 200 for the first one of that number."""
    location = f"{base_url(request)}/{resource['resourceType']}/{resource['id']}"
    if not made:
        return answer(resource, 200, location)
    return answer(resource, 201, f"{location}/_history/{resource['meta']['versionId']}")


def searchset(
    request: Request, matches: list[Json], total: int, next_url: str | None = None, included: list[Json] | None = None
) -> JSONResponse:
    """A page of what was found. `total` counts the matches of all pages, not what is included with them.

    `self` of a search by POST lacks its parameters: they are personal and stay out of every URL.
    """
    base = base_url(request)
    entries = [_entry(base, resource, "match") for resource in matches]
    entries += [_entry(base, resource, "include") for resource in included or []]
    links = [{"relation": "self", "url": str(request.url)}]
    if next_url:
        links.append({"relation": "next", "url": next_url})
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    if entries:
        bundle["entry"] = entries
    return JSONResponse(bundle, media_type=wire.FHIR_JSON)


def _entry(base: str, resource: Json, mode: str) -> Json:
    return {"fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}", "resource": resource, "search": {"mode": mode}}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def loads(body: Any) -> Json:
    """A resource that our own tables keep as text."""
    return json.loads(body)
