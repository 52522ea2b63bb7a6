"""The issuer of e-bills in memory: bills by our numbers, red ones with those that they undo."""

from dataclasses import dataclass

from models.invoice import Ebill, RedBill, Split, Standing, Wanted
from models.kernel.clock import Clock
from models.kernel.errors import DomainError
from tests.process.line import Line

CODE = "11060126"


@dataclass
class Kept:
    """A bill as the issuer has it."""

    bill: Ebill
    wanted: Wanted
    red: RedBill | None = None


class InMemoryIssuer(Line):
    """The port `Issuer`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.bills: dict[str, Kept] = {}
        self._asked_for: dict[str, Wanted] = {}
        self._numbers = 0

    def stands(self, visit_no: str | None = None) -> Split:
        """Issued less red, part by part; of a visit, or of all."""
        ours = [one for one in self.bills.values() if visit_no in {None, one.wanted.visit_no}]
        return Split.sum(one.wanted.split for one in ours if one.red is None)

    async def issue(self, wanted: Wanted) -> Ebill:
        self._asked_for.setdefault(wanted.number, wanted)
        return await self.answer("issue", lambda: self._issue(wanted))

    def lands(self, number: str) -> Ebill:
        """What was first asked for under this number, and had no answer, is issued after all."""
        return self._issue(self._asked_for[number])

    def _issue(self, wanted: Wanted) -> Ebill:
        kept = self.bills.get(wanted.number)
        if kept is None:
            number = self._next()
            numbers = {"code": CODE, "number": number, "check_code": f"c{number[-5:]}"}
            url = f"https://issuer.example/pdf/{number}"
            bill = Ebill(**numbers, issued_at=self._clock(), qr=b"\x89PNG\r\n" + number.encode(), picture_url=url)
            kept = self.bills[wanted.number] = Kept(bill, wanted)
        if kept.wanted != wanted:
            raise DomainError("invoice.E0101", "unavailable")
        return kept.bill

    async def find(self, number: str) -> Standing | None:
        def find() -> Standing | None:
            kept = self.bills.get(number)
            return kept and Standing(bill=kept.bill, total_fen=kept.wanted.split.total_fen, red=kept.red)

        return await self.answer("find", find)

    async def reverse(self, bill_code: str, bill_number: str, at: object) -> RedBill:
        def reverse() -> RedBill:
            kept = next((one for one in self.bills.values() if (one.bill.code, one.bill.number) == (bill_code, bill_number)), None)
            if kept is None:
                raise DomainError("invoice.E0201", "unavailable")
            if kept.red is not None:
                raise DomainError("invoice.E0202", "unavailable")
            number = self._next()
            kept.red = RedBill(code=CODE, number=number, check_code=f"c{number[-5:]}", at=self._clock())
            return kept.red.model_copy(update={"picture_url": f"https://issuer.example/pdf/{number}"})

        return await self.answer("reverse", reverse)

    async def picture(self, url: str) -> bytes:
        return await self.answer("picture", lambda: b"%PDF-1.4\n" + url.encode() + b"\n%%EOF")

    def counts_from(self, last: int) -> None:
        """As an issuer whose own books began anew counts: the next number is the one after `last`, whoever has it already."""
        self._numbers = last

    def _next(self) -> str:
        self._numbers += 1
        return f"{self._numbers:010d}"
