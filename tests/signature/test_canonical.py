"""One text for one value, whoever writes it."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from models.kernel.clock import SHANGHAI
from models.signature import canonical, digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé字", max_size=3), inner, max_size=4),
    max_leaves=12,
)


class Route(StrEnum):
    INHALED = "inhaled"


class Line(BaseModel):
    drug: str
    dose: Decimal
    route: Route


def test_a_document_is_written_one_way() -> None:
    value = {
        "处方": [Line(drug="布地奈德福莫特罗", dose=Decimal("4.50"), route=Route.INHALED)],
        "id": UUID(int=7),
        "at": datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        "day": date(2026, 11, 24),
        "fen": 5000,
        "note": None,
        "first": True,
    }
    assert canonical(value) == (
        '{"at":"2026-11-24T09:30:00+08:00","day":"2026-11-24","fen":5000,"first":true,"id":"00000000-0000-0000-0000-000000000007",'
        '"note":null,"处方":[{"dose":"4.5","drug":"布地奈德福莫特罗","route":"inhaled"}]}'
    )


def test_keys_are_sorted_as_rfc_8785_shows() -> None:
    """Its section 3.2.3: by UTF-16 units, so a face beyond the first plane stands before a full-width letter."""
    names = ["\u20ac", "\r", "\uff41", "1", "\U0001f600", "\u0080", "\u00f6"]
    read: dict[str, int] = json.loads(canonical(dict.fromkeys(names, 1)))
    assert list(read) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\uff41"]


def test_text_is_escaped_as_rfc_8785_shows() -> None:
    """Its section 3.2.2.2."""
    assert canonical('\u20ac$\u000f\nA\'B"\\\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("e\u0301", "é"),
        (Decimal("0.50"), Decimal("0.5")),
        (Decimal("1E+2"), Decimal(100)),
        (Decimal("-0.0"), Decimal(0)),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        ((1, 2), [1, 2]),
        (datetime(2026, 11, 24, 1, 30, tzinfo=UTC), datetime(2026, 11, 24, 9, 30, tzinfo=SHANGHAI)),
    ],
)
def test_the_same_said_in_another_way_is_the_same_text(left: object, right: object) -> None:
    assert canonical(left) == canonical(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [(Decimal("0.5"), Decimal("0.05")), ("1", 1), (True, 1), (None, ""), ([], {}), ("a b", "ab"), ("１", "1")],
)
def test_another_value_is_another_text(left: object, right: object) -> None:
    assert canonical(left) != canonical(right)
    assert digest(canonical(left)) != digest(canonical(right))


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        2**53,
        Decimal("NaN"),
        Decimal("Infinity"),
        datetime(2026, 11, 24, 9, 30),  # noqa: DTZ001
        b"bytes",
        {1: "a"},
        {"é": 1, "e\u0301": 2},
        "\ud800",
        {"\ud800": 1},
        {1, 2},
    ],
)
def test_what_has_no_one_text_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical([value])


@given(VALUES)
def test_it_is_json_that_says_the_value_and_written_again_is_itself(value: Any) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text
    assert text == canonical(value)


def test_the_digest_is_sm3_of_its_bytes() -> None:
    assert digest("abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
