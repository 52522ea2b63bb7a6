"""A reviewing program in memory: it says what a test wants it to say, once for each number."""

from uuid import UUID

from models.kernel.errors import DomainError
from models.prescription_his import WrittenLine
from models.review import Facts, Level, Verdict
from tests.process.line import Line


class InMemoryReview(Line):
    """The port `Review`."""

    def __init__(self) -> None:
        super().__init__()
        self.says = Verdict(level=Level.OK)
        """Of whatever is asked next."""
        self.checked: dict[UUID, tuple[Facts, tuple[WrittenLine, ...], Verdict]] = {}

    async def check(self, number: UUID, facts: Facts, lines: tuple[WrittenLine, ...]) -> Verdict:
        def check() -> Verdict:
            before = self.checked.setdefault(number, (facts, lines, self.says))
            if before[:2] != (facts, lines):
                raise DomainError("review.number-reused", "conflict")
            return before[2]

        return await self.answer("check", check)
