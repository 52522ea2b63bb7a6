"""Members of a FHIR Parameters body as `$settle` and `$reverse` take them. [4b] names the members; their shape is ours.

A number of the client's is a valueIdentifier of its system, an amount a valueMoney of whole fen; `legs` has the parts `cash`, `account`
and `fund`, a valueMoney each, together the amount. Whatever is missing or wrong is refused by the member's name.
"""

from dataclasses import asdict, dataclass
from typing import Final

from sandbox.his import elements, instants
from sandbox.his.elements import Json
from sandbox.his.outcome import Refusal

LEG_NAMES: Final = {"cash": "个人现金支付", "account": "个人账户支付", "fund": "医保基金支付"}
_TEXT_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Who pays or gets what, in fen."""

    cash_fen: int
    account_fen: int
    fund_fen: int

    def fits_into(self, other: "Legs") -> bool:
        """None of them is more than the other's."""
        return all(own <= others for own, others in zip(asdict(self).values(), asdict(other).values(), strict=True))


class Parameters:
    """The members of one body, by their names."""

    def __init__(self, body: Json) -> None:
        self._given = {name: item for item in elements.list_at(body, "parameter") if (name := elements.text_at(item, "name"))}

    def number(self, name: str, system: str) -> str:
        """The client's own number under that system."""
        item = self._given.get(name)
        if elements.text_at(item, "valueIdentifier", "system") != system:
            raise wrong(name, f"valueIdentifier of {system}")
        number = elements.text_at(item, "valueIdentifier", "value") or ""
        if not number or len(number) > _TEXT_MAX:
            raise wrong(name, f"up to {_TEXT_MAX} characters")
        return number

    def text(self, name: str, kind: str) -> str:
        """One printable line; `kind` is the member's `value[x]`."""
        found = elements.text_at(self._given.get(name), kind) or ""
        if not found.strip() or len(found) > _TEXT_MAX or not found.isprintable():
            raise wrong(name, f"{kind}, up to {_TEXT_MAX} characters")
        return found

    def fen(self, name: str) -> int:
        """An amount."""
        return _fen(self._given.get(name), name)

    def legs(self, name: str, amount_fen: int) -> Legs:
        """The parts of an amount."""
        parts = elements.list_at(self._given.get(name), "part")
        legs = {leg: _fen(item, name) for item in parts if (leg := elements.text_at(item, "name"))}
        if not legs or not set(legs) <= set(LEG_NAMES) or sum(legs.values()) != amount_fen:
            raise wrong(name, f"parts of {', '.join(LEG_NAMES)}, together the amount")
        return Legs(cash_fen=legs.get("cash", 0), account_fen=legs.get("account", 0), fund_fen=legs.get("fund", 0))

    def moment(self, name: str) -> int:
        """An instant in milliseconds."""
        try:
            return instants.parse_instant(elements.text_at(self._given.get(name), "valueDateTime") or "")
        except ValueError as error:
            raise wrong(name, "valueDateTime with a zone") from error


def wrong(name: str, hint: str) -> Refusal:
    """That member cannot be taken."""
    return Refusal("invalid", element(name), hint)


def element(name: str) -> str:
    """The member's place in the body, as a refusal names it."""
    return f"Parameters.parameter[{name}]"


def _fen(item: Json | None, name: str) -> int:
    fen = elements.fen_at(item, "valueMoney")
    if fen is None:
        raise wrong(name, "valueMoney in CNY with whole fen")
    return fen
