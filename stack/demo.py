"""The demonstration on a running stack: one patient's whole visit, and who may sign in."""

import importlib
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

from stack.supervisor import Addresses


def walk() -> Callable[[Addresses], Awaitable[bool]] | None:
    """The walk through one whole paid visit, which answers whether the visit ended and all books agree."""
    return importlib.import_module("stack.walk").walk if find_spec("stack.walk") else None


def sign_ins() -> tuple[str, ...]:
    """One line for each demo person: who they are and how they sign in."""
    return importlib.import_module("stack.seed").DEMO_SIGN_INS if find_spec("stack.seed") else ()
