"""Mobile numbers of mainland China, as people type them: stored and compared as eleven digits."""

import re
from typing import Annotated

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType
from pydantic import AfterValidator, StringConstraints

from models.kernel.text import half_width

_TYPED = re.compile(r"\+?[0-9][0-9 ()-]*")
"""Before it is parsed: phonenumbers also takes other scripts' digits, the letters on a telephone's keys and words around a number."""


def normalised(text: str) -> str:
    """`+86 138 1234 5678`, full-width too → `13812345678`; raises `ValueError` for what is no mobile number of the mainland."""
    text = half_width(text)
    if not _TYPED.fullmatch(text):
        raise ValueError("not a phone number")
    try:
        number = phonenumbers.parse(text, "CN")
    except NumberParseException:
        raise ValueError("not a phone number") from None  # its text would quote the number
    mobile = phonenumbers.number_type(number) in {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    if number.country_code != 86 or not mobile or not phonenumbers.is_valid_number(number):
        raise ValueError("not a mobile number of mainland China")
    return str(number.national_number)


Phone = Annotated[str, StringConstraints(min_length=11, max_length=24), AfterValidator(normalised)]
