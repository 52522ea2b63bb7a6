"""病历 of an online revisit: what the doctor writes, and each time that they sign it; a process of its own, `record/<id>`.

What is saved is a draft until its doctor has confirmed it on their phone. Each signing is a row, its round counted within the visit, and
stands for good once it is signed: what is saved afterwards is signed again, as another row. A time-out never signs.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from models.kernel.text import Line, Paragraph
from models.process import Alarm, Command, Moves, Row
from models.signature import Signature, SignatureReported, canonical

DiagnosisCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{2}(\.[0-9A-Zx]{1,6})?$")]
"""ICD-10, e.g. `J44.100` (国临版 has up to three digits after the point and `x` extensions)."""


class RecordContent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    complaint: Paragraph
    history: Paragraph
    advice: Paragraph


class Record(BaseModel):
    """No record without a diagnosis."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    content: RecordContent
    diagnosis_code: DiagnosisCode
    diagnosis_text: Line


class Statement(BaseModel):
    """What a doctor signs: whose record of which visit, in which round, word for word."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    document: Literal["record"] = "record"
    act: Literal["written"] = "written"
    visit: UUID
    patient: UUID
    round: int
    by: str
    """The hospital's number of the doctor."""
    record: Record

    @property
    def text(self) -> str:
        """The one text that is signed."""
        return canonical(self)


def read_statement(text: str) -> Statement:
    """The statement of a text that was signed: what the HIS is told, and what a draft is held against."""
    return Statement.model_validate_json(text)


def says(statement: Statement, record: Record) -> bool:
    """Whether it is of this record, word for word (as its text has them)."""
    return canonical(statement.record) == canonical(record)


class WrittenRecord(BaseModel):
    """A signed record as the HIS is told it. Personal: never in a history."""

    model_config = ConfigDict(frozen=True)
    number: UUID
    """Of the signing: under it the record exists at the HIS once."""
    encounter_id: str
    his_patient_id: str
    practitioner_id: str
    """The doctor of the visit, by the HIS's id."""
    written_at: AwareDatetime
    """When it was given to be signed: inside the visit, however late it is told."""
    replaces: UUID | None = None
    """The number of the one that was signed before it in this visit."""
    record: Record
    signature: Signature


class RecordState(StrEnum):
    """Where a signing stands; what people read for each stands in `models/timeline_record.py`."""

    SIGNING = "signing"
    FILING = "filing"
    """Signed; the HIS is told."""
    STUCK = "stuck"
    """Signed, and the HIS does not take it: a task of 门诊办, who ask the HIS's people."""
    FILED = "filed"
    REFUSED = "refused"
    """By the signer, for want of a certificate, or because it does not prove; a draft as before."""
    EXPIRED = "expired"
    """Not confirmed in its time; a draft as before."""
    WITHDRAWN = "withdrawn"


_S = RecordState


def _to(*after: RecordState) -> frozenset[RecordState]:
    return frozenset(after)


MOVES = Moves[RecordState](
    {
        _S.SIGNING: _to(_S.SIGNING, _S.FILING, _S.REFUSED, _S.EXPIRED, _S.WITHDRAWN),
        _S.FILING: _to(_S.FILED, _S.STUCK),
        _S.STUCK: _to(_S.STUCK, _S.FILING),
        _S.FILED: _to(),
        _S.REFUSED: _to(),
        _S.EXPIRED: _to(),
        _S.WITHDRAWN: _to(),
    }
)
"""The one table of allowed moves."""

SIGNED: Final = _to(_S.FILING, _S.STUCK, _S.FILED)
"""The doctor's signature on it is proved, and stays."""


class WithdrawRecord(Command):
    """The doctor does not want to sign it as it is."""

    kind: Literal["withdraw"] = "withdraw"
    allowed_in = _to(_S.SIGNING)


class RetryFiling(Command):
    """What was in the way at the HIS is mended: it is told again."""

    kind: Literal["retry"] = "retry"
    allowed_in = _to(_S.STUCK)


RecordEvent = Annotated[WithdrawRecord | RetryFiling | SignatureReported | Alarm, Field(discriminator="kind")]
COMMANDS: tuple[type[Command], ...] = (WithdrawRecord, RetryFiling)


class RecordSigning(Row[RecordState, RecordEvent]):
    """The row of `record/<id>`, as much of it as the pathway decides by."""

    visit_id: UUID
    task_id: UUID | None = None
    """The signature that is being waited for."""
