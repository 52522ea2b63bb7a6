"""Who holds a place of a slot, and how places come back. Each function is one step inside a transaction of its caller.

No timer runs: a lock is over when its instant has passed, and whoever looks next makes that so (`expire`).
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from sandbox.his.hospital import Hospital
from sandbox.his.outcome import Refusal

HOLDING: Final = "('pending', 'booked', 'checked-in')"
"""States in which a person is expected in a 就诊单元: one of them at most per person and unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A place that a client asks for under its own number."""

    claim_no: str
    slot_id: str
    patient_id: str


def expire_due(hospital: Hospital) -> None:
    """Make expired what has run out, before anybody reads."""
    now_ms = hospital.now_ms()
    if hospital.store.row("SELECT 1 FROM his_appointment WHERE status = 'pending' AND lock_expires_ms <= ? LIMIT 1", now_ms):
        with hospital.store.transaction() as db:
            expire(db, now_ms)


def expire(db: sqlite3.Connection, now_ms: int) -> None:
    """Every lock whose time is over ends, and its place is free again."""
    over = db.execute("SELECT id, slot_id FROM his_appointment WHERE status = 'pending' AND lock_expires_ms <= ?", (now_ms,)).fetchall()
    for appointment in over:
        let_go(db, appointment, "lock-expired", now_ms)


def let_go(db: sqlite3.Connection, appointment: sqlite3.Row, reason: str, now_ms: int) -> None:
    """End an appointment before its time: an unpaid bill is void, the place is free. A paid bill stays for its reversal."""
    db.execute(
        "UPDATE his_appointment SET status = 'cancelled', cancel_reason = ?, version = version + 1, updated_ms = ? WHERE id = ?",
        (reason, now_ms, appointment["id"]),
    )
    db.execute(
        "UPDATE his_invoice SET status = 'cancelled', version = version + 1, updated_ms = ? WHERE appointment_id = ? AND status = 'issued'",
        (now_ms, appointment["id"]),
    )
    touch(db, appointment["slot_id"], now_ms)


def touch(db: sqlite3.Connection, slot_id: str, now_ms: int) -> None:
    """`remaining` of the slot has changed; the hospital's own version of it has not."""
    db.execute("UPDATE his_slot SET updated_ms = ? WHERE id = ?", (now_ms, slot_id))


def check(db: sqlite3.Connection, wish: Wish, now_ms: int) -> sqlite3.Row:
    """The slot of a wish that can be granted. Counting and claiming are one transaction, so none is sold twice."""
    patient = db.execute("SELECT person FROM his_patient WHERE id = ?", (wish.patient_id,)).fetchone()
    if patient is None:
        raise Refusal("invalid", "Appointment.participant", "no such Patient")
    slot: sqlite3.Row | None = db.execute("SELECT * FROM his_slot_now WHERE id = ?", (wish.slot_id,)).fetchone()
    if slot is None:
        raise Refusal("invalid", "Appointment.slot", "no such Slot")
    if slot["stopped"] or slot["end_ms"] <= now_ms:
        raise Refusal("slot-stopped", "Appointment.slot")
    twice = db.execute(
        "SELECT 1 FROM his_appointment AS held JOIN his_patient AS card ON card.id = held.patient_id "  # noqa: S608  a constant of ours
        f"WHERE held.schedule_id = ? AND card.person = ? AND held.status IN {HOLDING}",
        (slot["schedule_id"], patient["person"]),
    ).fetchone()
    if twice:
        raise Refusal("duplicate-booking", "Appointment.participant")
    if slot["remaining"] == 0:
        raise Refusal("slot-full", "Appointment.slot")
    return slot


def stop(db: sqlite3.Connection, slot_id: str, now_ms: int) -> list[str] | None:
    """停诊 of one slot: it gets a new version, and whoever waits for it and is not in the room is cancelled.

    Answers the ids of the appointments that ended; None: it is stopped already, and nothing changes.
    """
    slot = db.execute("SELECT * FROM his_slot WHERE id = ?", (slot_id,)).fetchone()
    if slot is None:
        raise Refusal("not-found")
    if slot["stopped"]:
        return None
    db.execute("UPDATE his_slot SET stopped = 1, version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, slot_id))
    affected = db.execute(
        "SELECT id, slot_id FROM his_appointment AS held "  # noqa: S608  a constant of ours
        f"WHERE slot_id = ? AND status IN {HOLDING} AND NOT EXISTS (SELECT 1 FROM his_encounter WHERE appointment_id = held.id)",
        (slot_id,),
    ).fetchall()
    for appointment in affected:
        let_go(db, appointment, "prov", now_ms)
    return [appointment["id"] for appointment in affected]
