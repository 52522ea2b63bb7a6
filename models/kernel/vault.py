"""Sensitive columns: SM4-GCM in the column, an HMAC-SM3 blind index beside it (GB/T 32907, GB/T 32905).

The associated data is table, column, row id and key id, so a value copied to another row, column or key does not open.
"""

import hmac
import secrets
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

from models.kernel.errors import DomainError

_NONCE, _TAG = 12, 16
log = structlog.get_logger()


class Vault:
    """Seals and opens the values of sensitive columns. Keys are 16 bytes each by id; new values are sealed under `current`."""

    def __init__(self, keys: dict[str, bytes], current: str, index_key: bytes) -> None:
        if current not in keys:
            raise ValueError("the current column key is not among the keys")
        self._keys, self._current, self._index_key = keys, current, index_key

    def seal(self, column: str, row_id: UUID, text: str) -> bytes:
        """`column` is `table.column`. Stored as key id length, key id, nonce, ciphertext, tag."""
        key_id, nonce = self._current.encode(), secrets.token_bytes(_NONCE)
        cipher = Cipher(algorithms.SM4(self._keys[self._current]), modes.GCM(nonce)).encryptor()
        cipher.authenticate_additional_data(_bound(column, row_id, self._current))
        sealed = cipher.update(text.encode()) + cipher.finalize()
        return bytes([len(key_id)]) + key_id + nonce + sealed + cipher.tag

    def open(self, column: str, row_id: UUID, sealed: bytes) -> str:
        """Raises `sealed.broken` for a value that was changed, moved, or sealed under a key that we have not; the log tells it."""
        try:
            return self._opened(column, row_id, sealed)
        except InvalidTag:
            log.error("sealed.broken", column=column, row_id=str(row_id))
            raise DomainError("sealed.broken", "conflict") from None

    def _opened(self, column: str, row_id: UUID, sealed: bytes) -> str:
        size = sealed[0] if sealed else 0
        key_id, rest = sealed[1 : 1 + size].decode(errors="replace"), sealed[1 + size :]
        if key_id not in self._keys or len(rest) < _NONCE + _TAG:
            raise InvalidTag
        nonce, body, tag = rest[:_NONCE], rest[_NONCE:-_TAG], rest[-_TAG:]
        cipher = Cipher(algorithms.SM4(self._keys[key_id]), modes.GCM(nonce, tag)).decryptor()
        cipher.authenticate_additional_data(_bound(column, row_id, key_id))
        return (cipher.update(body) + cipher.finalize()).decode()

    def index(self, purpose: str, value: str) -> bytes:
        """Finds an exact value without opening the column. Normalise before; one derived key a purpose."""
        return _hmac(_hmac(self._index_key, purpose.encode()), value.encode())


def same(left: bytes, right: bytes) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(left, right)


def _hmac(key: bytes, data: bytes) -> bytes:
    mac = HMAC(key, hashes.SM3())
    mac.update(data)
    return mac.finalize()


def _bound(column: str, row_id: UUID, key_id: str) -> bytes:
    return f"{column}|{row_id}|{key_id}".encode()
