"""What is sealed in rows that are written by hand."""

from collections.abc import Mapping
from typing import Any, Final

from models.kernel.vault import Vault
from tests.auditor.ours_sealed import COLUMNS, bound

KEY_ID, KEY = "k1", "0123456789abcdef" * 2
VAULT: Final = Vault({KEY_ID: bytes.fromhex(KEY)}, KEY_ID, bytes(32))


class Plain(str):
    """A text that is sealed where it is written."""

    __slots__ = ()


def sealed(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as it is written: what is `Plain` in its seal."""
    return {
        name: VAULT.seal(bound(table, name), row[COLUMNS[table][0]], value) if isinstance(value, Plain) else value
        for name, value in row.items()
    }
