"""Books of an earlier build are opened and go on: nothing that stands in them is lost."""

from pathlib import Path

from sandbox.his import tables
from sandbox.store import Store

BEFORE = """
CREATE TABLE his_invoice (
    id TEXT PRIMARY KEY,
    appointment_id TEXT NOT NULL UNIQUE REFERENCES his_appointment (id),
    patient_id TEXT NOT NULL REFERENCES his_patient (id),
    status TEXT NOT NULL CHECK (status IN ('issued', 'balanced', 'cancelled')),
    total_fen INTEGER NOT NULL CHECK (total_fen >= 0),
    issued_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    updated_ms INTEGER NOT NULL
);
CREATE TABLE his_settlement (
    id TEXT PRIMARY KEY, payment_no TEXT NOT NULL UNIQUE, invoice_id TEXT NOT NULL UNIQUE REFERENCES his_invoice (id), channel TEXT,
    channel_no TEXT, amount_fen INTEGER, cash_fen INTEGER, account_fen INTEGER, fund_fen INTEGER, paid_ms INTEGER, settled_ms INTEGER
);
CREATE VIEW his_invoice_now AS SELECT bill.*, 0 AS reversals, 0 AS reversed_fen FROM his_invoice AS bill;
PRAGMA foreign_keys = OFF;
INSERT INTO his_invoice VALUES ('inv-1', 'apt-1', 'pat-1', 'balanced', 5000, 1, 2, 3);
INSERT INTO his_settlement VALUES ('pay-1', 'p1', 'inv-1', 'wechat_pay', 'w1', 5000, 5000, 0, 0, 2, 3);
"""


def test_bills_of_appointments_alone_are_carried_over(tmp_path: Path) -> None:
    store = Store(tmp_path / "sandbox.sqlite")
    store.script(BEFORE)

    for _ in range(2):
        tables.open_books(store)

    [bill] = store.rows("SELECT * FROM his_invoice_now")
    assert (bill["id"], bill["appointment_id"], bill["prescription_no"], bill["total_fen"], bill["version"]) == (
        "inv-1",
        "apt-1",
        None,
        5000,
        2,
    )
    assert {row["table"] for row in store.rows("PRAGMA foreign_key_list(his_settlement)")} == {"his_invoice"}
    assert [row["payment_no"] for row in store.rows("SELECT * FROM his_reconciliation")] == ["p1"]
    assert store.rows("PRAGMA foreign_keys")[0][0] == 1
    store.close()
