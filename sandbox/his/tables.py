"""The HIS's own tables in the sandbox's SQLite file. Instants are integer milliseconds, money is integer fen."""

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
    updated_ms INTEGER NOT NULL
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

CREATE TABLE IF NOT EXISTS his_invoice (
    id TEXT PRIMARY KEY,
    appointment_id TEXT NOT NULL UNIQUE REFERENCES his_appointment (id),
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    status TEXT NOT NULL CHECK (status IN ('issued', 'balanced', 'cancelled')),
    total_fen INTEGER NOT NULL CHECK (total_fen >= 0),
    issued_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL
);

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
