"""The digest: two hands wrote it, ours and the sandbox's, and both read Java's encoding; no vector of SF's own comes out."""

from hypothesis import given
from hypothesis import strategies as st

from gateways.logistics.signing import digest
from sandbox.logistics import wire as carrier


@given(st.text(st.characters(exclude_categories=["Cs"])), st.from_regex(r"[0-9]{13}", fullmatch=True), st.text(max_size=40))
def test_the_carrier_makes_the_same_digest(msg_data: str, timestamp: str, checkword: str) -> None:
    assert digest(msg_data, timestamp, checkword) == carrier.digest(msg_data, timestamp, checkword)


def test_it_is_made_of_what_java_writes() -> None:
    """MD5 of `a+b%7E*-._%E5%BC%A0%2F1x`, by OpenSSL."""
    assert digest("a b~*-._张/", "1", "x") == "H6tjzr6BYHsKTs5x6avwFg=="
