"""A cursor names a place in one list, and nothing else."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursor import cut, open_cursor, open_id_cursor, seal_cursor
from models.kernel.errors import DomainError

AT, ID = datetime(2026, 11, 24, 9, 30, 15, 123456, tzinfo=UTC), UUID(int=7)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_opens_to_the_place_it_was_made_from(at: datetime, id: UUID) -> None:
    assert open_id_cursor("revisits/1", seal_cursor("revisits/1", at, id)) == (at, id)


def test_rows_of_others_ids_have_cursors_too() -> None:
    assert open_cursor("slots", seal_cursor("slots", AT, "slot-20261124-01")) == (AT, "slot-20261124-01")


def test_without_a_cursor_a_list_begins_at_its_beginning() -> None:
    assert open_cursor("slots", None) is None


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(DomainError, match=r"^request\.cursor$"):
        open_id_cursor("revisits/2", seal_cursor("revisits/1", AT, ID))


@given(st.text(max_size=80))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    for opened in (open_cursor, open_id_cursor):
        with pytest.raises(DomainError, match=r"^request\.cursor$"):
            opened("slots", text)


def test_a_page_is_cut_out_of_one_row_more_than_it_shows() -> None:
    assert cut([1, 2, 3], 2, str) == ([1, 2], "2")
    assert cut([1, 2], 2, str) == ([1, 2], None)
    assert cut([], 2, str) == ([], None)
