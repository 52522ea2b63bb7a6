"""The processes of the house: each one's table of moves, what people may ask of it, and all that can come to its desk.

A new process is added here, its table in `models/stores/open_rows.py`, its workflow in `worker/wiring.py`.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from models import charge, delivery, invoice, prescription, record, refund, revisit, suspension
from models.process import Command, Moves


@dataclass(frozen=True, slots=True)
class Pathway:
    """One kind of process."""

    moves: Moves[Any]
    commands: tuple[type[Command], ...]
    events: TypeAdapter[Any]
    """Told apart by `kind`, as they stand in the inbox."""


PATHWAYS: Final[dict[str, Pathway]] = {
    "revisit": Pathway(revisit.MOVES, revisit.COMMANDS, TypeAdapter(revisit.RevisitEvent)),
    "charge": Pathway(charge.MOVES, charge.COMMANDS, TypeAdapter(charge.ChargeEvent)),
    "refund": Pathway(refund.MOVES, refund.COMMANDS, TypeAdapter(refund.RefundEvent)),
    "prescription": Pathway(prescription.MOVES, prescription.COMMANDS, TypeAdapter(prescription.PrescriptionEvent)),
    "record": Pathway(record.MOVES, record.COMMANDS, TypeAdapter(record.RecordEvent)),
    "delivery": Pathway(delivery.MOVES, delivery.COMMANDS, TypeAdapter(delivery.DeliveryEvent)),
    "invoice": Pathway(invoice.MOVES, invoice.COMMANDS, TypeAdapter(invoice.InvoiceEvent)),
    "suspension": Pathway(suspension.MOVES, (), suspension.EVENTS),
}
"""By the word that names process, table and workflow."""
