"""FHIR elements: built for our answers, read from what a client sent."""

import re
from decimal import Decimal
from typing import Any, Final, cast

from sandbox.his import instants

Json = dict[str, Any]

CURRENCY: Final = "CNY"
_SYSTEM_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def meta(version: int, updated_ms: int) -> Json:
    """`meta` of a resource that has versions."""
    return {"versionId": str(version), "lastUpdated": instants.instant(updated_ms)}


def coding(system: str, code: str, display: str) -> Json:
    """One `Coding`."""
    return {"system": system, "code": code, "display": display}


def concept(system: str, code: str, display: str) -> Json:
    """A `CodeableConcept` of one coding, with its words."""
    return {"coding": [coding(system, code, display)], "text": display}


def reference(kind: str, id: str, display: str | None = None) -> Json:
    """A literal `Reference`."""
    return {"reference": f"{kind}/{id}"} | ({"display": display} if display else {})


def identifier(system: str, value: str) -> Json:
    """One `Identifier`."""
    return {"system": system, "value": value}


def extension(url: str, kind: str, value: object) -> Json:
    """One `Extension`; `kind` is the tail of `value[x]`."""
    return {"url": url, f"value{kind}": value}


def money(fen: int) -> Json:
    """`Money` in yuan. A float of whole fen prints as the shortest decimal text, which is the exact amount below 10^13 yuan."""
    return {"value": fen / 100, "currency": CURRENCY}


def part(body: object, *path: str | int) -> object:
    """What stands at a path of a body that nobody has checked; None where the path leads nowhere."""
    for step in path:
        if isinstance(body, dict) and isinstance(step, str):
            body = cast("Json", body).get(step)
        elif isinstance(body, list) and isinstance(step, int) and step < len(cast("list[object]", body)):
            body = cast("list[object]", body)[step]
        else:
            return None
    return body


def text_at(body: object, *path: str | int) -> str | None:
    """The text at a path, None when there is none."""
    found = part(body, *path)
    return found if isinstance(found, str) else None


def list_at(body: object, *path: str | int) -> list[Json]:
    """The objects of the list at a path; anything else in it is left out."""
    found = part(body, *path)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Json", item) for item in items if isinstance(item, dict)]


def id_at(body: object, kind: str, *path: str | int) -> str | None:
    """The id in a literal reference `kind/id` at a path."""
    found = text_at(body, *path, "reference")
    return reference_id(kind, found) if found is not None and found.startswith(f"{kind}/") else None


def reference_id(kind: str, value: str) -> str | None:
    """The id named by `kind/id` or by the bare id, None when it is neither."""
    bare = value.removeprefix(f"{kind}/")
    return bare if _SYSTEM_TOKEN.fullmatch(bare) else None


def value_of(body: object, system: str) -> str | None:
    """The value of the identifier of that system in a resource's `identifier` list."""
    return next((text_at(item, "value") for item in list_at(body, "identifier") if item.get("system") == system), None)


def fen_at(body: object, *path: str | int) -> int | None:
    """Fen of the `Money` at a path; None unless it is CNY, not negative and whole fen. Bodies are parsed with Decimal."""
    found = part(body, *path)
    amount, currency = part(found, "value"), part(found, "currency")
    if currency != CURRENCY or isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return None
    fen = Decimal(amount) * 100
    if not fen.is_finite() or fen < 0 or fen != fen.to_integral_value() or fen > 10**15:
        return None
    return int(fen)
