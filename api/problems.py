"""Every refusal of the API as RFC 9457 `application/problem+json`. A kind becomes a status here and nowhere else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast, get_args

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.sentences import OF_A_READING, fault, sentence
from models.kernel.errors import DomainError, Kind
from models.stores.outage import SUSPECTS, is_outage

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
STATUS: Final[dict[Kind, int]] = {
    "malformed": 400,
    "anonymous": 401,
    "forbidden": 403,
    "missing": 404,
    "conflict": 409,
    "invalid": 422,
    "limited": 429,
    "unavailable": 503,
}
RETRY_AFTER_S: Final[dict[Kind, int]] = {"limited": 60, "unavailable": 2}
"""Unless the error says it: its `retry_after_s`."""

_READING: Final = frozenset({"GET", "HEAD"})
"""Methods that ask for nothing to be done."""
_NOT_OURS: Final[dict[int, tuple[str, Kind]]] = {
    404: ("request.no_route", "missing"),
    405: ("request.method", "malformed"),
    413: ("request.too_large", "invalid"),
    415: ("request.media_type", "malformed"),
}
"""Refusals of the framework, which knows statuses only."""
_MALFORMED: Final[tuple[str, Kind]] = ("request.malformed", "malformed")


class FieldProblem(BaseModel):
    """One field of the request that cannot be taken as it is. What was sent is not repeated."""

    field: str = Field(examples=["id_number"])
    fault: str = Field(description="Stable word for programs.", examples=["string_too_long"])
    title: str = Field(description="For people.", examples=["内容过长"])


class Problem(BaseModel):
    """A refusal: `code` is stable and for programs, `title` is for people and says what to do next."""

    type: str = Field(examples=["urn:fuzhen:problem:patient.missing"])
    title: str
    status: int
    code: str = Field(examples=["patient.missing"])
    params: dict[str, Any] = Field(description="Ids, enums, numbers and instants that belong to the code.")
    request_id: str = Field(description="To be told when help is asked for.")
    fields: list[FieldProblem]


def answer(
    request: Request,
    code: str,
    kind: Kind,
    *,
    status: int | None = None,
    params: Mapping[str, object] | None = None,
    fields: Sequence[FieldProblem] = (),
) -> Response:
    """The problem as a response, with the headers that its kind asks for."""
    told = dict(params or {})
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if kind == "anonymous":
        headers["WWW-Authenticate"] = "Bearer"
    if kind in RETRY_AFTER_S:
        headers["Retry-After"] = str(told.setdefault("retry_after_s", RETRY_AFTER_S[kind]))
    problem = Problem(
        type=f"urn:fuzhen:problem:{code}",
        title=sentence(code, kind, reading=request.method in _READING),
        status=status or STATUS[kind],
        code=code,
        params=told,
        request_id=str(getattr(request.state, "request_id", "")),
        fields=list(fields),
    )
    return Response(problem.model_dump_json(), problem.status, headers, MEDIA_TYPE)


def internal(request: Request, error_id: str) -> Response:
    """For a bug of ours: the id by which the log tells more."""
    return answer(request, "internal", "unavailable", status=500, params={"error_id": error_id})


def install(app: FastAPI) -> None:
    """Turn refusals of ours and of the framework into problems."""
    app.add_exception_handler(DomainError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _by_the_framework)
    for suspect in SUSPECTS:
        app.add_exception_handler(suspect, _perhaps_an_outage)


async def _refused(request: Request, error: Exception) -> Response:
    refused = cast(DomainError, error)
    return answer(request, refused.code, refused.kind, params=refused.params)


async def _invalid(request: Request, error: Exception) -> Response:
    invalid = cast(RequestValidationError, error)
    faults = cast(Sequence[Mapping[str, Any]], invalid.errors())
    if isinstance(invalid.body, bytes):  # FastAPI parses JSON only where the content type says so
        return answer(request, "request.media_type", "malformed", status=415)
    if any(one["type"] == "json_invalid" for one in faults):
        return answer(request, "request.malformed", "malformed")
    if any(one["loc"][:1] == ("path",) for one in faults):  # what has no such id is not there
        return answer(request, "request.missing", "missing")
    return answer(request, "request.invalid", "invalid", fields=[_field(one) for one in faults])


async def _by_the_framework(request: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    code, kind = _NOT_OURS.get(status, _MALFORMED)
    response = answer(request, code, kind, status=status)
    if allow := (cast(HTTPException, error).headers or {}).get("Allow"):
        response.headers["Allow"] = allow
    return response


async def _perhaps_an_outage(request: Request, error: Exception) -> Response:
    """The outcome of a wish is not known: its transaction may have been committed. Asked again under its key, it is answered."""
    if not is_outage(error):
        raise error
    log.warning("service.unavailable", exc_info=error)
    return answer(request, "service.unavailable", "unavailable")


def _field(one: Mapping[str, Any]) -> FieldProblem:
    """Its name may be the sender's own invention: cut, and only what can be printed."""
    said = cast(Mapping[str, Any], one.get("ctx") or {})
    names = [str(part) for part in (*one["loc"], said.get("field", "body")) if part != "body"] or ["body"]
    name = "".join(char if char.isprintable() else "?" for char in ".".join(names))[:100]
    return FieldProblem(field=name, fault=str(one["type"]), title=fault(str(one["type"]), said.get("pattern")))


_EVERYWHERE: Final[dict[Kind, tuple[str, ...]]] = {
    "malformed": ("request.malformed",),
    "anonymous": ("account.anonymous",),
    "forbidden": ("account.forbidden",),
    "missing": ("request.missing",),
    "invalid": ("request.invalid",),
    "unavailable": ("service.unavailable",),
}


def problems(**codes: tuple[str, ...]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route: its own codes by kind (`conflict=("revisit.not_now",)`), beside those that any route has."""
    told: dict[int | str, dict[str, Any]] = {}
    for kind in cast(tuple[Kind, ...], get_args(Kind)):
        named = (*_EVERYWHERE.get(kind, ()), *codes.pop(kind, ()))
        if named:
            told[STATUS[kind]] = _documented(kind, STATUS[kind], named)
    if codes:
        raise TypeError(f"{', '.join(codes)}: no kind of refusal")
    told[415] = _documented("malformed", 415, ("request.media_type",))
    return at_any_door() | told


def of_a_machine(**codes: tuple[str, ...]) -> dict[int | str, dict[str, Any]]:
    """The same of a door for machines: nobody signs in there and no form is read, so beside the route's own codes there is little."""
    codes |= {"malformed": (*_EVERYWHERE["malformed"], *codes.get("malformed", ()))}
    named: dict[Kind, tuple[str, ...]] = {kind: codes[kind] for kind in cast(tuple[Kind, ...], get_args(Kind)) if kind in codes}
    told: dict[int | str, dict[str, Any]] = {STATUS[kind]: _documented(kind, STATUS[kind], said) for kind, said in named.items()}
    told[503] = _documented("unavailable", 503, ("service.unavailable",))
    return at_any_door() | told


def at_any_door() -> dict[int | str, dict[str, Any]]:
    """Of what no route has a say in: before it is asked, and when it fails."""
    return {
        400: _documented("malformed", 400, _EVERYWHERE["malformed"]),
        413: _documented("invalid", 413, ("request.too_large",)),
        500: _documented("unavailable", 500, ("internal",)),
    }


def on_its_wire(said: Callable[[str], dict[str, str | int]], **codes: tuple[str, ...]) -> dict[int | str, dict[str, Any]]:
    """Of a machine that is refused in words of its own: what is `said` for each code, beside what is said at any door with that status."""
    fields = {name: {"type": "integer" if isinstance(value, int) else "string"} for name, value in said("").items()}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    told: dict[int | str, dict[str, Any]] = {}
    for kind, named in codes.items():
        status = STATUS[cast(Kind, kind)]
        any_door = at_any_door().get(status, {"content": {}})
        described = [*(f"`{code}`" for code in named), *filter(None, [any_door.get("description")])]
        ours = {"schema": schema, "examples": {code: {"value": said(code)} for code in named}}
        told[status] = {"description": " · ".join(described), "content": {"application/json": ours} | any_door["content"]}
    return told


def told_of_a_reading(responses: Mapping[str, Any]) -> None:
    """In a route's part of the document, the examples of refusals in the words that who wanted nothing done hears."""
    for response in responses.values():
        for code, example in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}).items():
            if said := OF_A_READING.get(code):
                example["summary"] = example["value"]["title"] = said


PARTIES: Final = ("his", "wechat_pay", "signature", "logistics")
"""Whose refusal of a step that somebody waits for may be told, by the first word of its code."""


def told_of_a_step(responses: dict[str, Any]) -> None:
    """In the document, of a route that asks a process for a step: what a party outside refuses has that party's name, and its own codes."""
    for status in (STATUS["conflict"], STATUS["invalid"]):
        responses[str(status)]["description"] += f" · a party's: {' · '.join(f'`{party}.…`' for party in PARTIES)}"


_OF_A_WISH: Final[dict[Kind, tuple[str, ...]]] = {
    "malformed": ("request.key_missing", "request.key_malformed"),
    "invalid": ("request.key_reused",),
}
_WITHOUT_A_BODY: Final[dict[Kind, tuple[str, ...]]] = {"malformed": ("request.unexpected",)}


def told_of_a_wish(operation: dict[str, Any]) -> None:
    """In the document, of a route that asks for a key: how the key itself is refused, and a body where none is read."""
    for codes in (_OF_A_WISH, {} if "requestBody" in operation else _WITHOUT_A_BODY):
        for kind, added in codes.items():
            status = str(STATUS[kind])
            named = tuple(operation["responses"][status]["content"][MEDIA_TYPE]["examples"])
            operation["responses"][status] = _documented(kind, STATUS[kind], (*named, *added))


def _documented(kind: Kind, status: int, codes: Sequence[str]) -> dict[str, Any]:
    def example(code: str) -> dict[str, Any]:
        told = Problem(
            type=f"urn:fuzhen:problem:{code}",
            title=sentence(code, kind),
            status=status,
            code=code,
            params={},
            request_id="6f1c0d3e8a",
            fields=[FieldProblem(field="name", fault="missing", title=fault("missing"))] if code == "request.invalid" else [],
        )
        return {"summary": told.title, "value": told.model_dump()}

    return {
        "description": " · ".join(f"`{code}`" for code in codes),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {code: example(code) for code in codes}}},
    }
