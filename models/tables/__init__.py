"""Shapes and constraints of all tables."""

from models.tables import (
    account,
    build,
    charge,
    delivery,
    directory,
    history,
    invoice,
    message,
    patient,
    prescription,
    process,
    record,
    refill,
    revisit,
    signature,
    survey,
    suspension,
)
from models.tables.table import Table

__all__ = [
    "Table",
    "account",
    "build",
    "charge",
    "delivery",
    "directory",
    "history",
    "invoice",
    "message",
    "patient",
    "prescription",
    "process",
    "record",
    "refill",
    "revisit",
    "signature",
    "survey",
    "suspension",
]
