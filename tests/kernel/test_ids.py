"""What is meant once has one id; what is another wish has another."""

from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.kernel.ids import body_hash, derived, new, of_intent

ME, YOU = UUID(int=1), UUID(int=2)


def test_a_key_means_one_thing_within_account_route_and_target() -> None:
    same = of_intent(ME, "POST /v1/revisits/{id}/cancel", "visit-1", "key-1")

    assert same == of_intent(ME, "POST /v1/revisits/{id}/cancel", "visit-1", "key-1")
    others = [
        of_intent(YOU, "POST /v1/revisits/{id}/cancel", "visit-1", "key-1"),
        of_intent(ME, "POST /v1/revisits/{id}/accept", "visit-1", "key-1"),
        of_intent(ME, "POST /v1/revisits/{id}/cancel", "visit-2", "key-1"),
        of_intent(ME, "POST /v1/revisits/{id}/cancel", "visit-1", "key-2"),
    ]
    assert all(one != another for one, another in combinations([same, *others], 2))


def test_what_ends_one_part_does_not_begin_the_next() -> None:
    assert of_intent(ME, "a", "bc", "d") != of_intent(ME, "ab", "c", "d")
    assert derived("a", "bc") != derived("ab", "c")


@given(st.lists(st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=4))
def test_a_derived_id_is_the_same_for_the_same_parts(parts: list[str]) -> None:
    assert derived(*parts) == derived(*parts)
    assert derived(*parts) != derived(*parts, "more")


def test_new_ids_differ_and_another_body_has_another_hash() -> None:
    assert new() != new()
    assert body_hash(b'{"slot_id":"1"}') != body_hash(b'{"slot_id":"2"}')
