"""SM2 with SM3 as a signer's device does it (GB/T 32918), on plain integers: not constant in time, and for throwaway keys only.

The outside oracle is OpenSSL, in the tests: it verifies what is signed here.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes

P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
A: Final = P - 3
B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
G: Final = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
ID: Final = b"1234567812345678"

_Jacobian = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Key:
    """A private key with its point."""

    private: int
    point: tuple[int, int]

    @property
    def public(self) -> bytes:
        """04‖x‖y."""
        return b"\x04" + self.point[0].to_bytes(32) + self.point[1].to_bytes(32)

    def sign(self, message: bytes, signer_id: bytes = ID) -> tuple[int, int]:
        """r and s, over Z and the message."""
        e = int.from_bytes(sm3(self._z(signer_id) + message))
        while True:
            k = 1 + secrets.randbelow(N - 1)
            r = (e + _times(k, G)[0]) % N
            s = pow(1 + self.private, -1, N) * (k - r * self.private) % N
            if r and s and r + k != N:
                return r, s

    def _z(self, signer_id: bytes) -> bytes:
        numbers = (A, B, *G, *self.point)
        return sm3((8 * len(signer_id)).to_bytes(2) + signer_id + b"".join(number.to_bytes(32) for number in numbers))


def key(private: int) -> Key:
    """The key of that number, kept or new."""
    return Key(private, _times(private, G))


def new_key() -> Key:
    """One that nobody else has."""
    return key(1 + secrets.randbelow(N - 2))


def sm3(data: bytes) -> bytes:
    """32 bytes."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def _times(k: int, point: tuple[int, int]) -> tuple[int, int]:
    """k·point, for 0 < k < N."""
    found: _Jacobian = (1, 1, 0)
    for bit in f"{k:b}":
        found = _double(found)
        if bit == "1":
            found = _add(found, point)
    x, y, z = found
    one = pow(z, -1, P)
    return x * one * one % P, y * one * one * one % P


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    zz, yy = z * z % P, y * y % P
    s, m = 4 * x * yy % P, 3 * (x - zz) * (x + zz) % P
    doubled = (m * m - 2 * s) % P
    return doubled, (m * (s - doubled) - 8 * yy * yy) % P, 2 * y * z % P


def _add(left: _Jacobian, right: tuple[int, int]) -> _Jacobian:
    x, y, z = left
    if not z:
        return (*right, 1)
    zz = z * z % P
    h, r = (right[0] * zz - x) % P, (right[1] * zz * z - y) % P
    hh = h * h % P
    v, hhh = x * hh % P, h * hh % P
    added = (r * r - hhh - 2 * v) % P
    return added, (r * (v - added) - y * hhh) % P, z * h % P
