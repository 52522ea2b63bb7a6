"""Everything that is sealed in our rows, as it stands there: values that nobody reads without the hospital's key."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from tests.auditor.wire import Wire

COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "account": ("id", ("phone",)),
    "chat": ("id", ("text",)),
    "delivery_address": ("id", ("name", "phone", "place")),
    "delivery_track": ("event", ("place", "text")),
    "intake": ("id", ("text",)),
    "intent": ("id", ("answer",)),
    "invoice": ("id", ("picture",)),
    "message": ("id", ("phone", "params")),
    "patient": ("id", ("name", "id_number")),
    "patient_supplement": ("id", ("phone", "address")),
    "prescription_content": ("id", ("content", "findings")),
    "prescription_note": ("id", ("text",)),
    "record": ("id", ("content", "diagnosis_code", "diagnosis_text")),
    "refill_past": ("patient_id", ("told",)),
    "revisit": ("id", ("past_visits", "past_prescribed")),
    "revisit_note": ("id", ("text",)),
    "signature": ("id", ("text", "signature")),
    "survey_answer": ("id", ("remark",)),
}
"""By table: the column whose value a sealed one is bound to, and the sealed ones."""
_NAMED: Mapping[str, str] = {"revisit_note.text": "revisit.note", "survey_answer.remark": "survey.remark"}
"""Where a value is not bound to its own table and column."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One value, and what it is bound to."""

    table: str
    column: str
    row_id: UUID
    value: bytes

    @property
    def bound(self) -> str:
        return bound(self.table, self.column)


def bound(table: str, column: str) -> str:
    """The name under which a column is sealed."""
    return _NAMED.get(f"{table}.{column}", f"{table}.{column}")


async def read_sealed(wire: Wire) -> list[Sealed]:
    """All of it, in the transaction of the wire."""
    found: list[Sealed] = []
    for table, (key, columns) in COLUMNS.items():
        for row in await wire.fetch(f"select {key}, {', '.join(columns)} from {table} order by 1"):
            found += [Sealed(table, one, row[key], row[one]) for one in columns if row[one] is not None]
    return found
