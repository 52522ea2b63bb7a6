"""Refusals that people can act on. Anything else is a bug and stays loud."""

from typing import Literal, TypeVar

Kind = Literal["malformed", "anonymous", "forbidden", "missing", "conflict", "invalid", "limited", "unavailable"]
T = TypeVar("T")


class DomainError(Exception):
    """A refusal with a stable code (`slot.sold_out`) and a kind; `params` are ids, enums, numbers and instants, never personal data."""

    def __init__(self, code: str, kind: Kind, **params: object) -> None:
        super().__init__(code)
        self.code, self.params = code, params
        self.kind: Kind = kind


class Unknown(Exception):  # noqa: N818  (it is no error: the outcome is not known)
    """An outside call whose outcome nobody knows: asked again under the same number, never called failed."""


def known(value: T | None) -> T:
    """What the state of a row promises to be there; its absence is a bug."""
    if value is None:
        raise RuntimeError("a value that the row's state promises is absent")
    return value
