"""Sensitive columns open only where they were sealed."""

import hmac
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from models.kernel.errors import DomainError
from models.kernel.vault import Vault, same

OLD, NEW, INDEX = bytes(range(16)), bytes(range(16, 32)), bytes(32)
BROKEN = r"^sealed\.broken$"
ROW, OTHER = UUID(int=1), UUID(int=2)
before, after = Vault({"old": OLD}, "old", INDEX), Vault({"old": OLD, "new": NEW}, "new", INDEX)


@given(st.text(max_size=200))
def test_what_was_sealed_opens(text: str) -> None:
    sealed = after.seal("patient.name", ROW, text)

    assert after.open("patient.name", ROW, sealed) == text
    assert len(text) < 4 or text.encode() not in sealed


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert after.seal("patient.name", ROW, "张秀英") != after.seal("patient.name", ROW, "张秀英")


def test_a_value_moved_to_another_row_or_column_does_not_open() -> None:
    sealed = after.seal("patient.name", ROW, "张秀英")

    for column, row in (("patient.name", OTHER), ("patient.id_number", ROW), ("account.name", ROW)):
        with pytest.raises(DomainError, match=BROKEN):
            after.open(column, row, sealed)


def test_a_value_relabelled_with_another_key_does_not_open() -> None:
    sealed = before.seal("patient.name", ROW, "张秀英")

    with pytest.raises(DomainError, match=BROKEN):
        after.open("patient.name", ROW, sealed.replace(b"old", b"new"))


@given(st.data())
def test_a_changed_value_never_opens(data: st.DataObject) -> None:
    sealed = bytearray(after.seal("patient.name", ROW, "张秀英"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(DomainError, match=BROKEN):
        after.open("patient.name", ROW, bytes(sealed))


@pytest.mark.parametrize("stump", [b"", b"\x03", b"\x03new", b"\x03new" + bytes(20), b"\x00" + bytes(40)])
def test_what_is_no_sealed_value_never_opens(stump: bytes) -> None:
    with pytest.raises(DomainError, match=BROKEN):
        after.open("patient.name", ROW, stump)


def test_after_a_rotation_old_values_open_and_new_ones_are_under_the_new_key() -> None:
    assert after.open("patient.name", ROW, before.seal("patient.name", ROW, "张秀英")) == "张秀英"
    with pytest.raises(DomainError, match=BROKEN):
        before.open("patient.name", ROW, after.seal("patient.name", ROW, "张秀英"))


def test_the_current_key_must_be_there() -> None:
    with pytest.raises(ValueError, match="current column key"):
        Vault({"old": OLD}, "new", INDEX)


def test_an_index_finds_a_value_and_tells_purposes_apart() -> None:
    number = after.index("patient.id_number", "110105195805120428")

    assert same(number, before.index("patient.id_number", "110105195805120428"))
    assert number != after.index("account.phone", "110105195805120428")
    assert number != after.index("patient.id_number", "110105195805120429")
    assert number != Vault({"new": NEW}, "new", bytes([1]) * 32).index("patient.id_number", "110105195805120428")


def test_the_index_is_hmac_sm3_under_a_key_for_its_purpose() -> None:
    """By another implementation than the one we call."""
    purpose = hmac.new(INDEX, b"account.phone", "sm3").digest()

    assert after.index("account.phone", "13812345678") == hmac.new(purpose, b"13812345678", "sm3").digest()


def test_a_sealed_value_is_sm4_gcm_in_the_layout_that_is_documented() -> None:
    nonce = bytes(12)
    cipher = Cipher(algorithms.SM4(NEW), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(f"patient.name|{ROW}|new".encode())
    body = cipher.update("张秀英".encode()) + cipher.finalize()

    assert after.open("patient.name", ROW, b"\x03new" + nonce + body + cipher.tag) == "张秀英"


def test_sm3_by_the_standards_example() -> None:
    """GB/T 32905-2016, A.1."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(b"abc")

    assert digest.finalize().hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_sm4_by_the_standards_example() -> None:
    """GB/T 32907-2016, A.1: the key enciphers itself."""
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    cipher = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()

    assert cipher.update(key).hex() == "681edf34d206965e86b3e94f536e4246"


def test_sm4_gcm_by_rfc_8998() -> None:
    """RFC 8998, A.1."""
    key, nonce = bytes.fromhex("0123456789abcdeffedcba9876543210"), bytes.fromhex("00001234567800000000abcd")
    plain = bytes.fromhex(
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
    )
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
    body = cipher.update(plain) + cipher.finalize()

    assert body.hex() == (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    assert cipher.tag.hex() == "83de3541e4c2b58177e065a9bf7b62ec"
