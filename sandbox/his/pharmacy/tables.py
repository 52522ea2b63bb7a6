"""The pharmacy's tables. Instants are integer milliseconds, money is integer fen."""

DDL = """
-- `body` is the Medication as it is sent, without id, meta, status and price.
CREATE TABLE IF NOT EXISTS his_drug (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('western', 'patent', 'herbal')),
    dose_unit TEXT NOT NULL,
    pack_unit TEXT NOT NULL,
    price_fen INTEGER NOT NULL CHECK (price_fen >= 0),
    online INTEGER NOT NULL CHECK (online IN (0, 1)),
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    body TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL
);

-- What its lines share. `ours` is 0 for those that the hospital's own doctors wrote at a past visit.
CREATE TABLE IF NOT EXISTS his_prescription (
    number TEXT PRIMARY KEY,
    ours INTEGER NOT NULL CHECK (ours IN (0, 1)),
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    encounter_id TEXT NOT NULL REFERENCES his_encounter (id),
    practitioner_id TEXT NOT NULL,
    doctor_name TEXT NOT NULL,
    icd10 TEXT NOT NULL,
    diagnosis TEXT NOT NULL,
    authored_ms INTEGER NOT NULL,
    valid_until_ms INTEGER,
    prepared_ms INTEGER,
    dispensed_ms INTEGER,
    returned_ms INTEGER,
    fetched_ms INTEGER
);
CREATE INDEX IF NOT EXISTS his_prescription_by_encounter ON his_prescription (encounter_id);

CREATE TABLE IF NOT EXISTS his_prescription_line (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL REFERENCES his_prescription (number),
    rank INTEGER NOT NULL,
    line_no TEXT UNIQUE,
    drug_id TEXT NOT NULL REFERENCES his_drug (id),
    status TEXT NOT NULL CHECK (status IN ('on-hold', 'active', 'completed', 'cancelled')),
    dose TEXT NOT NULL,
    frequency TEXT NOT NULL,
    route TEXT NOT NULL,
    days INTEGER NOT NULL CHECK (days > 0),
    packs INTEGER NOT NULL CHECK (packs > 0),
    note TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL,
    UNIQUE (number, rank)
);

-- Provenance with the doctor's and the pharmacist's signature: it closes the prescription, which takes no further line.
CREATE TABLE IF NOT EXISTS his_provenance (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE REFERENCES his_prescription (number),
    body TEXT NOT NULL,
    recorded_ms INTEGER NOT NULL
);

-- Drugs that were taken back, and handed out again: their `returned_ms` is over. Both views made anew, for a file of an earlier build.
DROP VIEW IF EXISTS his_dispense;
DROP VIEW IF EXISTS his_prescription_line_now;
CREATE VIEW his_prescription_line_now AS
SELECT line.*, CASE rx.ours WHEN 1 THEN rx.number END AS our_no, CASE rx.ours WHEN 0 THEN rx.number END AS own_no, rx.ours,
    rx.patient_id, rx.encounter_id, rx.practitioner_id, rx.doctor_name, rx.icd10, rx.diagnosis, rx.authored_ms, rx.valid_until_ms,
    rx.prepared_ms, rx.dispensed_ms, rx.returned_ms, rx.fetched_ms, drug.name AS drug_name, drug.dose_unit, drug.pack_unit,
    json_extract(card.body, '$.name[0].text') AS patient_name
FROM his_prescription_line AS line
JOIN his_prescription AS rx ON rx.number = line.number
JOIN his_drug AS drug ON drug.id = line.drug_id
JOIN his_patient AS card ON card.id = rx.patient_id;

-- What the pharmacy has done about each line of a prescription that was paid. `id` is the line's own with another beginning.
CREATE VIEW his_dispense AS
SELECT 'md-' || substr(line.id, 4) AS id, line.id AS line_id, line.number, line.drug_id, line.drug_name, line.packs, line.pack_unit,
    line.patient_id, line.patient_name, line.encounter_id, line.line_no, line.prepared_ms, line.returned_ms,
    coalesce(line.fetched_ms, line.dispensed_ms) AS dispensed_ms,
    max(line.prepared_ms, coalesce(line.dispensed_ms, 0), coalesce(line.returned_ms, 0), coalesce(line.fetched_ms, 0), line.updated_ms)
        AS updated_ms,
    1 + (line.dispensed_ms IS NOT NULL) + (line.returned_ms IS NOT NULL) + (line.fetched_ms IS NOT NULL) + (line.status = 'cancelled')
        AS version,
    CASE
        WHEN line.fetched_ms IS NOT NULL THEN 'completed'
        WHEN line.returned_ms IS NOT NULL THEN 'stopped'
        WHEN line.dispensed_ms IS NOT NULL THEN 'completed'
        WHEN line.status = 'cancelled' THEN 'cancelled'
        ELSE 'in-progress'
    END AS status
FROM his_prescription_line_now AS line WHERE line.prepared_ms IS NOT NULL;
"""
