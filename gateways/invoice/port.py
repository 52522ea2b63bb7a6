"""What we ask of the issuer of e-bills. The number is our row's id as 32 hex digits: constant on every repeat, so a bill exists once."""

from datetime import datetime
from typing import Protocol

from models.invoice import Ebill, RedBill, Standing, Wanted


class Issuer(Protocol):
    """Every call ends done, refused (`DomainError` `invoice.<code>`) or unknown (`Unknown`)."""

    async def issue(self, wanted: Wanted) -> Ebill:
        """A bill under our number, or the one that has it already. Refused, an earlier attempt may still have landed: `find` says."""
        ...

    async def find(self, number: str) -> Standing | None:
        """The bill of this number of ours, and whether it was undone; None when there is none. Never refuses."""
        ...

    async def reverse(self, bill_code: str, bill_number: str, at: datetime) -> RedBill:
        """Undoes the whole bill by a red one. Refused also when it was undone before: `find` says. `at` is the same on every repeat."""
        ...

    async def picture(self, url: str) -> bytes:
        """The PDF of a bill, from the address that came with it. Refused when it is none of the issuer's, or no PDF."""
        ...
