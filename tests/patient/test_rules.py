"""Names as ID cards have them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from models.patient import PersonName

NAME = TypeAdapter[str](PersonName)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (" 张秀英 ", "张秀英"),
        ("张 秀英", "张秀英"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽 · 买买提", "阿依古丽·买买提"),
        ("JOHN  SMITH", "JOHN SMITH"),
    ],
)
def test_a_name_is_written_one_way(typed: str, written: str) -> None:
    assert NAME.validate_python(typed) == written


@pytest.mark.parametrize("typed", ["", "  ", "张" * 51, "张\u0000英", "张\u202e英", "\ud800"])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        NAME.validate_python(typed)
