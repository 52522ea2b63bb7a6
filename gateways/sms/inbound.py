"""What Aliyun pushes to us of messages that it took, `SmsReport` [C]: read, and no more; no I/O. The wire has no signature [C], so a report
proves nothing: it is a knock. Whoever takes it asks the carrier what became of the message.
"""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from models.kernel import ids
from models.kernel.errors import DomainError

REPORTS_MAX = 500
"""In one push: Aliyun sends batches and says no limit."""


class Reported(BaseModel):
    """A message of which something is told, by the carrier's number and ours. The phone, the times and the outcome are left unread."""

    receipt: Annotated[str, Field(alias="biz_id", max_length=64)]
    number: Annotated[str, Field(alias="out_id", max_length=64)] = ""

    @property
    def message_id(self) -> UUID | None:
        """None: no number of ours."""
        try:
            return ids.read(self.number)
        except ValueError:
            return None


_PUSH: TypeAdapter[list[Reported]] = TypeAdapter(Annotated[list[Reported], Field(min_length=1, max_length=REPORTS_MAX)])


def read_push(body: bytes) -> list[Reported]:
    """The messages that a push tells of. Refused `sms.malformed`."""
    try:
        return _PUSH.validate_json(body)
    except ValidationError:
        raise DomainError("sms.malformed", "malformed") from None  # its text would quote the push
