"""Sealed columns, opened by the auditor's own hand: SM4-GCM, and a value opens in no other column or row."""

from collections.abc import Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_NONCE, _TAG = 12, 16


class BrokenError(Exception):
    """A sealed value that does not open: changed, moved, or sealed under a key that is not the hospital's."""


class NoKeyError(Exception):
    """Something has to be opened, and the auditor was given no key at all."""


class Seal:
    """`keys` are the hospital's column keys in hexadecimal, by id."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys

    @property
    def has_keys(self) -> bool:
        """Whether anything can be opened."""
        return bool(self._keys)

    def open(self, column: str, row_id: UUID, sealed: bytes) -> str:
        """`column` is `table.column`; sealed is length of key id, key id, nonce, ciphertext, tag. Raises `BrokenError`, `NoKeyError`."""
        size = sealed[0] if sealed else 0
        key_id, rest = sealed[1 : 1 + size].decode(errors="replace"), sealed[1 + size :]
        if not self._keys:
            raise NoKeyError(f"{column} is sealed under the hospital's column key {key_id}, which was not given")
        if key_id not in self._keys or len(rest) < _NONCE + _TAG:
            raise BrokenError(f"{column} of {row_id}")
        nonce, body, tag = rest[:_NONCE], rest[_NONCE:-_TAG], rest[-_TAG:]
        cipher = Cipher(algorithms.SM4(bytes.fromhex(self._keys[key_id])), modes.GCM(nonce, tag)).decryptor()
        cipher.authenticate_additional_data(f"{column}|{row_id}|{key_id}".encode())
        try:
            return (cipher.update(body) + cipher.finalize()).decode()
        except InvalidTag as broken:
            raise BrokenError(f"{column} of {row_id}") from broken
