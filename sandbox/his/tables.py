"""The HIS's own tables in the sandbox's SQLite file. Instants are integer milliseconds, money is integer fen."""

from sandbox.his.pharmacy import tables as pharmacy
from sandbox.store import Store

_BILLS = """
-- A bill is of an appointment, or of a prescription; `items` are then its lines as JSON: words, packs, fen.
CREATE TABLE IF NOT EXISTS his_invoice (
    id TEXT PRIMARY KEY,
    appointment_id TEXT UNIQUE REFERENCES his_appointment (id),
    prescription_no TEXT UNIQUE REFERENCES his_prescription (number),
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    status TEXT NOT NULL CHECK (status IN ('issued', 'balanced', 'cancelled')),
    total_fen INTEGER NOT NULL CHECK (total_fen >= 0),
    items TEXT,
    issued_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL,
    CHECK ((appointment_id IS NULL) <> (prescription_no IS NULL))
);
"""

DDL = """
CREATE TABLE IF NOT EXISTS his_client (id TEXT PRIMARY KEY, secret TEXT NOT NULL);

-- Organization, HealthcareService, Practitioner, PractitionerRole: master data that only the hospital changes, kept as it is sent.
CREATE TABLE IF NOT EXISTS his_document (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- One row per card; `person` is the same for all cards of one person.
CREATE TABLE IF NOT EXISTS his_patient (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    id_number TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS his_patient_by_id_number ON his_patient (id_number);

CREATE TABLE IF NOT EXISTS his_encounter (
    id TEXT PRIMARY KEY,
    class TEXT NOT NULL CHECK (class IN ('AMB', 'VR')),
    status TEXT NOT NULL CHECK (status IN ('in-progress', 'finished')),
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    practitioner_id TEXT NOT NULL,
    doctor_name TEXT NOT NULL,
    department_id TEXT NOT NULL,
    department_name TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER,
    visit_no TEXT UNIQUE,
    appointment_id TEXT UNIQUE REFERENCES his_appointment (id),
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL,
    cancelled_ms INTEGER
);
CREATE INDEX IF NOT EXISTS his_encounter_by_patient ON his_encounter (patient_id, start_ms);

CREATE TABLE IF NOT EXISTS his_condition (
    id TEXT PRIMARY KEY,
    encounter_id TEXT NOT NULL REFERENCES his_encounter (id),
    rank INTEGER NOT NULL,
    icd10 TEXT NOT NULL,
    diagnosis TEXT NOT NULL,
    UNIQUE (encounter_id, rank)
);

-- A 就诊单元: doctor, date, period.
CREATE TABLE IF NOT EXISTS his_schedule (
    id TEXT PRIMARY KEY,
    practitioner_id TEXT NOT NULL,
    doctor_name TEXT NOT NULL,
    service_id TEXT NOT NULL,
    department_id TEXT NOT NULL,
    department_name TEXT NOT NULL,
    unit_date TEXT NOT NULL,
    period TEXT NOT NULL,
    visit_type TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL,
    UNIQUE (practitioner_id, unit_date, period)
);
CREATE INDEX IF NOT EXISTS his_schedule_by_date ON his_schedule (unit_date);

-- `version` counts what the hospital changes; `updated_ms` moves with `remaining` too.
CREATE TABLE IF NOT EXISTS his_slot (
    id TEXT PRIMARY KEY,
    schedule_id TEXT NOT NULL REFERENCES his_schedule (id),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (end_ms > start_ms),
    capacity INTEGER NOT NULL CHECK (capacity > 0),
    sold_at_window INTEGER NOT NULL DEFAULT 0 CHECK (sold_at_window BETWEEN 0 AND capacity),
    fee_fen INTEGER NOT NULL CHECK (fee_fen >= 0),
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS his_slot_by_schedule ON his_slot (schedule_id, start_ms);

CREATE TABLE IF NOT EXISTS his_appointment (
    id TEXT PRIMARY KEY,
    claim_no TEXT NOT NULL UNIQUE,
    slot_id TEXT NOT NULL REFERENCES his_slot (id),
    schedule_id TEXT NOT NULL REFERENCES his_schedule (id),
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'booked', 'checked-in', 'fulfilled', 'cancelled', 'noshow')),
    cancel_reason TEXT,
    lock_expires_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS his_appointment_holding ON his_appointment (slot_id) WHERE status <> 'cancelled';
CREATE INDEX IF NOT EXISTS his_appointment_pending ON his_appointment (lock_expires_ms) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS his_appointment_by_unit ON his_appointment (schedule_id, patient_id);

CREATE TABLE IF NOT EXISTS his_settlement (
    id TEXT PRIMARY KEY,
    payment_no TEXT NOT NULL UNIQUE,
    invoice_id TEXT NOT NULL UNIQUE REFERENCES his_invoice (id),
    channel TEXT NOT NULL,
    channel_no TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,
    cash_fen INTEGER NOT NULL,
    account_fen INTEGER NOT NULL,
    fund_fen INTEGER NOT NULL,
    paid_ms INTEGER NOT NULL,
    settled_ms INTEGER NOT NULL,
    CHECK (amount_fen = cash_fen + account_fen + fund_fen)
);

-- What was given back of a settlement: the bill's own status says whether all of it.
CREATE TABLE IF NOT EXISTS his_reversal (
    id TEXT PRIMARY KEY,
    refund_no TEXT NOT NULL UNIQUE,
    invoice_id TEXT NOT NULL REFERENCES his_invoice (id),
    amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0),
    cash_fen INTEGER NOT NULL,
    account_fen INTEGER NOT NULL,
    fund_fen INTEGER NOT NULL,
    reason TEXT NOT NULL,
    reversed_ms INTEGER NOT NULL,
    CHECK (amount_fen = cash_fen + account_fen + fund_fen)
);
CREATE INDEX IF NOT EXISTS his_reversal_of_invoice ON his_reversal (invoice_id);

-- Bills whose goods have left the pharmacy.
CREATE TABLE IF NOT EXISTS his_dispensing (
    invoice_id TEXT PRIMARY KEY REFERENCES his_invoice (id),
    dispensed_ms INTEGER NOT NULL
);

-- Bills of visits that took place and whose execution a window has undone: their money may go back.
CREATE TABLE IF NOT EXISTS his_undone_execution (
    invoice_id TEXT PRIMARY KEY REFERENCES his_invoice (id),
    undone_ms INTEGER NOT NULL
);

-- Records that the internet hospital's doctors have signed, as they came; `provenance` is the one with the signature, once it has come.
CREATE TABLE IF NOT EXISTS his_composition (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    encounter_id TEXT NOT NULL REFERENCES his_encounter (id),
    practitioner_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('final', 'amended')),
    replaces TEXT,
    icd10 TEXT NOT NULL,
    body TEXT NOT NULL,
    authored_ms INTEGER NOT NULL,
    provenance_id TEXT UNIQUE,
    provenance TEXT,
    signed_ms INTEGER,
    updated_ms INTEGER NOT NULL,
    CHECK ((status = 'amended') = (replaces IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS his_composition_by_encounter ON his_composition (encounter_id);

-- `reversed_fen` is what was given back so far.
CREATE VIEW IF NOT EXISTS his_invoice_now AS
SELECT bill.*, (SELECT count(*) FROM his_reversal AS undone WHERE undone.invoice_id = bill.id) AS reversals,
    (SELECT coalesce(sum(amount_fen), 0) FROM his_reversal AS undone WHERE undone.invoice_id = bill.id) AS reversed_fen
FROM his_invoice AS bill;

-- Money that came, under its own number, and money that went back: less than nothing, and under the number of the refund.
CREATE VIEW IF NOT EXISTS his_reconciliation AS
SELECT id, payment_no AS own_payment_no, NULL AS refund_no, payment_no, invoice_id, channel, channel_no, amount_fen, cash_fen, account_fen,
    fund_fen, paid_ms, settled_ms AS booked_ms
FROM his_settlement
UNION ALL
SELECT undone.id, NULL, undone.refund_no, paid.payment_no, undone.invoice_id, paid.channel, paid.channel_no, -undone.amount_fen,
    -undone.cash_fen, -undone.account_fen, -undone.fund_fen, undone.reversed_ms, undone.reversed_ms
FROM his_reversal AS undone JOIN his_settlement AS paid ON paid.invoice_id = undone.invoice_id;

-- What of a settlement has not been given back yet, leg by leg.
CREATE VIEW IF NOT EXISTS his_settlement_left AS
SELECT paid.invoice_id,
    amount_fen - (SELECT coalesce(sum(amount_fen), 0) FROM his_reversal AS r WHERE r.invoice_id = paid.invoice_id) AS amount_fen,
    cash_fen - (SELECT coalesce(sum(cash_fen), 0) FROM his_reversal AS r WHERE r.invoice_id = paid.invoice_id) AS cash_fen,
    account_fen - (SELECT coalesce(sum(account_fen), 0) FROM his_reversal AS r WHERE r.invoice_id = paid.invoice_id) AS account_fen,
    fund_fen - (SELECT coalesce(sum(fund_fen), 0) FROM his_reversal AS r WHERE r.invoice_id = paid.invoice_id) AS fund_fen
FROM his_settlement AS paid;

-- A visit that had begun is cancelled by its client, or with its appointment. Made anew: a file of an earlier build knows only the latter.
DROP VIEW IF EXISTS his_encounter_now;
CREATE VIEW his_encounter_now AS
SELECT visit.id, visit.class, visit.patient_id, visit.practitioner_id, visit.doctor_name, visit.department_id, visit.department_name,
    visit.start_ms, visit.end_ms, visit.visit_no, visit.appointment_id,
    CASE WHEN ended_with_it OR cancelled_ms IS NOT NULL THEN 'cancelled' ELSE visit.status END AS status,
    visit.version + ended_with_it AS version,
    CASE WHEN ended_with_it THEN held_ms ELSE visit.updated_ms END AS updated_ms
FROM (
    SELECT visit.*, held.updated_ms AS held_ms,
        visit.status = 'in-progress' AND visit.cancelled_ms IS NULL AND coalesce(held.status = 'cancelled', 0) AS ended_with_it
    FROM his_encounter AS visit LEFT JOIN his_appointment AS held ON held.id = visit.appointment_id
) AS visit;

-- A place is taken by every Appointment that is not cancelled; expired locks are cancelled before anybody looks (places.py).
CREATE VIEW IF NOT EXISTS his_slot_now AS
SELECT counted.*, CASE WHEN stopped = 1 THEN 'busy-unavailable' WHEN remaining = 0 THEN 'busy' ELSE 'free' END AS status
FROM (
    SELECT slot.*, unit.doctor_name, unit.department_id, unit.department_name, unit.practitioner_id, unit.unit_date, unit.period,
        max(0, slot.capacity - slot.sold_at_window - (
            SELECT count(*) FROM his_appointment AS held WHERE held.slot_id = slot.id AND held.status <> 'cancelled'
        )) AS remaining
    FROM his_slot AS slot JOIN his_schedule AS unit ON unit.id = slot.schedule_id
) AS counted;
"""

_FREE_BILLS = """
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
DROP VIEW IF EXISTS his_invoice_now;
ALTER TABLE his_invoice RENAME TO his_invoice_before;
%s
INSERT INTO his_invoice (id, appointment_id, patient_id, status, total_fen, issued_ms, version, updated_ms)
SELECT id, appointment_id, patient_id, status, total_fen, issued_ms, version, updated_ms FROM his_invoice_before;
DROP TABLE his_invoice_before;
COMMIT;
PRAGMA foreign_keys = ON;
"""


def open_books(store: Store) -> None:
    """Make what is missing; what a file of an earlier build has is carried over: its bills all had an appointment."""
    known = {row["name"] for row in store.rows("PRAGMA table_info(his_invoice)")}
    if known and "prescription_no" not in known:
        store.script("PRAGMA legacy_alter_table = ON")  # what refers to the bills goes on referring to them by their name
        store.script(_FREE_BILLS % _BILLS)
        store.script("PRAGMA legacy_alter_table = OFF")
    for ddl in (_BILLS, DDL, pharmacy.DDL):
        store.script(ddl)
    store.extend("his_encounter", "cancelled_ms", "INTEGER")
    store.extend("his_prescription", "fetched_ms", "INTEGER")
