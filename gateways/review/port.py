"""What we ask of the program that reviews prescriptions (合理用药)."""

from typing import Protocol
from uuid import UUID

from models.prescription_his import WrittenLine
from models.review import Facts, Verdict


class Review(Protocol):
    async def check(self, number: UUID, facts: Facts, lines: tuple[WrittenLine, ...]) -> Verdict:
        """Its verdict under our number, one for each content: the same again is answered the same.

        Refused `review.number-reused` (other contents under it), `review.invalid` (it cannot read ours); `Unknown` when nothing readable
        came. Neither says anything of the prescription: the caller then brings it to a person.
        """
        ...
