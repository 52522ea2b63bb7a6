"""Sealed columns, opened by the auditor's own hand: SM4-GCM, and a value opens in no other column or row."""

from collections.abc import Mapping
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_NONCE, _TAG = 12, 16


class Seal:
    """`keys` are the hospital's column keys in hexadecimal, by id. A value under a key that is not among them is a KeyError."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys

    def open(self, column: str, row_id: UUID, sealed: bytes) -> str:
        """`column` is `table.column`; sealed is length of key id, key id, nonce, ciphertext, tag."""
        size = sealed[0]
        key_id, rest = sealed[1 : 1 + size].decode(), sealed[1 + size :]
        nonce, body, tag = rest[:_NONCE], rest[_NONCE:-_TAG], rest[-_TAG:]
        cipher = Cipher(algorithms.SM4(bytes.fromhex(self._keys[key_id])), modes.GCM(nonce, tag)).decryptor()
        cipher.authenticate_additional_data(f"{column}|{row_id}|{key_id}".encode())
        return (cipher.update(body) + cipher.finalize()).decode()
