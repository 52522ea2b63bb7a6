"""SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905), verified alone: keys that sign for the hospital are in the CA's devices.

Oracle in tests: what OpenSSL signs is accepted here, and one changed byte is not.
"""

import functools
from typing import Any, Final, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from gmssl.sm2 import CryptSM2, default_ecc_table

ID: Final = b"1234567812345678"
"""The signer's distinguishing id where nothing else was agreed (GM/T 0009), in certificates too."""

_P, _N, _A, _B = (int(default_ecc_table[name], 16) for name in ("p", "n", "a", "b"))
_CURVE: Final = bytes.fromhex(default_ecc_table["a"] + default_ecc_table["b"] + default_ecc_table["g"])
_SIZE: Final = 32


def sm3(data: bytes) -> bytes:
    """32 bytes."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """32 bytes."""
    mac = HMAC(key, hashes.SM3())
    mac.update(data)
    return mac.finalize()


def is_key(key: bytes) -> bool:
    """Whether 64 bytes x‖y are a point of the curve."""
    x, y = int.from_bytes(key[:_SIZE]), int.from_bytes(key[_SIZE:])
    return len(key) == 2 * _SIZE and x < _P and y < _P and (y * y - x * x * x - _A * x - _B) % _P == 0


def verify(key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = ID) -> bool:
    """Whether 64 bytes r‖s were made over `message` by the owner of `key`, x‖y. About 20 ms of a core: not in an event loop.

    Never raises for what came from outside. gmssl alone would take r or s out of range, and loses leading 0 and 4 of a key given to its
    constructor.
    """
    r, s = int.from_bytes(signature[:_SIZE]), int.from_bytes(signature[_SIZE:])
    if len(signature) != 2 * _SIZE or not (0 < r < _N and 0 < s < _N) or not is_key(key):
        return False
    curve = cast("Any", CryptSM2(private_key="", public_key=""))
    curve.public_key = key.hex()
    try:
        return bool(curve.verify(signature.hex(), sm3(_about(key, signer_id) + message)))
    except TypeError:  # the sum of its two points is the point at infinity, which gmssl does not know: such a signature is none
        return False


@functools.lru_cache(maxsize=256)
def _about(key: bytes, signer_id: bytes) -> bytes:
    """Z: who signs, on which curve."""
    return sm3((8 * len(signer_id)).to_bytes(2) + signer_id + _CURVE + key)
