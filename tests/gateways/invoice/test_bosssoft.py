"""Bills issued, asked for and undone over the real wire, each once, whatever becomes of the answer."""

import io
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from structlog.typing import EventDict

from gateways.invoice.account import InvoiceAccount
from gateways.invoice.bosssoft import BosssoftIssuer
from models.invoice import Split
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from tests.gateways.invoice.conftest import ASK, AT, ISSUE, LIMIT_S, PICTURE, UNDO, Books, a_wish

parts = st.integers(0, 5_000_000)


async def test_a_bill_is_issued_with_fund_account_and_cash_apart(issuer: BosssoftIssuer, books: Books) -> None:
    wanted = a_wish(Split(fund_fen=3000, account_fen=766, cash_fen=1234))
    bill = await issuer.issue(wanted)

    [kept] = books(wanted.number)
    assert (bill.code, bill.number, bill.check_code) == (kept["code"], kept["number"], kept["check_code"])
    assert [kept[part] for part in ("fund_fen", "account_fen", "cash_fen")] == [3000, 766, 1234]
    assert bill.qr.startswith(b"\x89PNG")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fund=parts, account=parts, cash=st.integers(1, 5_000_000))
async def test_every_amount_arrives_to_the_fen(issuer: BosssoftIssuer, books: Books, fund: int, account: int, cash: int) -> None:
    wanted = a_wish(Split(fund_fen=fund, account_fen=account, cash_fen=cash))
    await issuer.issue(wanted)

    [kept] = books(wanted.number)
    assert (kept["fund_fen"], kept["account_fen"], kept["cash_fen"]) == (fund, account, cash)
    standing = await issuer.find(wanted.number)
    assert standing is not None
    assert standing.total_fen == fund + account + cash


async def test_the_same_number_is_the_same_bill(issuer: BosssoftIssuer, books: Books) -> None:
    wanted = a_wish()

    assert await issuer.issue(wanted) == await issuer.issue(wanted)
    assert books(wanted.number)[0]["repeats"] == 1


async def test_other_contents_under_a_number_are_refused_and_the_first_bill_is_found(issuer: BosssoftIssuer) -> None:
    wanted = a_wish()
    first = await issuer.issue(wanted)
    with pytest.raises(DomainError, match=r"invoice\.E0101"):
        await issuer.issue(wanted.model_copy(update={"split": Split(cash_fen=4999)}))

    standing = await issuer.find(wanted.number)
    assert standing is not None
    assert (standing.bill.number, standing.total_fen, standing.red) == (first.number, 5000, None)


async def test_a_bill_is_undone_in_full_and_once(issuer: BosssoftIssuer) -> None:
    wanted = a_wish()
    bill = await issuer.issue(wanted)
    red = await issuer.reverse(bill.code, bill.number, AT)
    with pytest.raises(DomainError, match=r"invoice\.E0202"):
        await issuer.reverse(bill.code, bill.number, AT)

    standing = await issuer.find(wanted.number)
    assert standing is not None
    assert standing.red == red.model_copy(update={"picture_url": ""})
    [page] = PdfReader(io.BytesIO(await issuer.picture(red.picture_url))).pages
    assert red.number in page.extract_text()


async def test_what_was_never_issued_is_not_there(issuer: BosssoftIssuer) -> None:
    assert await issuer.find(ids.new().hex) is None
    with pytest.raises(DomainError, match=r"invoice\.E0201"):
        await issuer.reverse("11060126", "9999999999", AT)


async def test_the_picture_is_a_pdf_with_the_bills_number(issuer: BosssoftIssuer) -> None:
    bill = await issuer.issue(a_wish())

    [page] = PdfReader(io.BytesIO(await issuer.picture(bill.picture_url))).pages
    assert bill.number in page.extract_text()


async def test_a_picture_elsewhere_is_never_asked_for(issuer: BosssoftIssuer, account: InvoiceAccount, outside: httpx.Client) -> None:
    """Whoever answers must not send us to another host, or up to another path of this one."""
    for url in ("", "http://127.0.0.1:9/x.pdf", f"{account.base_url}.example/x", str(outside.base_url) + "/console", "file:///etc/passwd"):
        with pytest.raises(DomainError, match=r"invoice\.picture_elsewhere"):
            await issuer.picture(url)
    with pytest.raises(DomainError, match=r"invoice\.picture_missing"):
        await issuer.picture(f"{account.base_url}/medical-web/pdf/nothing")


@pytest.mark.parametrize("kind", ["lost", "slow", "tampered", "duplicated"])
async def test_a_bill_is_one_whatever_is_heard(issuer: BosssoftIssuer, books: Books, fault: Callable[..., None], kind: str) -> None:
    wanted = a_wish()
    fault("invoice", ISSUE, kind, 2 * LIMIT_S if kind == "slow" else 0)
    if kind == "duplicated":
        await issuer.issue(wanted)
    else:
        with pytest.raises(Unknown):
            await issuer.issue(wanted)

    bill = await issuer.issue(wanted)
    [kept] = books(wanted.number)
    assert kept["number"] == bill.number


@pytest.mark.parametrize("kind", ["lost", "tampered"])
async def test_a_bill_is_undone_once_whatever_is_heard(issuer: BosssoftIssuer, fault: Callable[..., None], kind: str) -> None:
    wanted = a_wish()
    bill = await issuer.issue(wanted)
    fault("invoice", UNDO, kind, 0)
    with pytest.raises(Unknown):
        await issuer.reverse(bill.code, bill.number, AT)
    with pytest.raises(DomainError, match=r"invoice\.E0202"):
        await issuer.reverse(bill.code, bill.number, AT)

    standing = await issuer.find(wanted.number)
    assert standing is not None
    assert standing.red is not None


@pytest.mark.parametrize("call", [ASK, PICTURE])
@pytest.mark.parametrize("kind", ["lost", "tampered"])
async def test_a_question_may_be_asked_again(issuer: BosssoftIssuer, fault: Callable[..., None], call: str, kind: str) -> None:
    wanted = a_wish()
    bill = await issuer.issue(wanted)
    fault("invoice", call, kind, 0)

    async def ask() -> object:
        return await (issuer.find(wanted.number) if call is ASK else issuer.picture(bill.picture_url))

    with pytest.raises(Unknown):
        await ask()
    assert await ask()


async def test_busy_is_unknown_and_all_else_a_refusal(issuer: BosssoftIssuer, says_no: Callable[[str], None]) -> None:
    for code, expected in (("E0901", Unknown), ("E0104", DomainError), ("E0003", DomainError)):
        says_no(code)
        with pytest.raises(expected):
            await issuer.issue(a_wish())


async def test_a_wrong_key_is_said_loudly(account: InvoiceAccount, lines: list[EventDict]) -> None:
    adapter = BosssoftIssuer(replace(account, app_key="wrong"), limit_s=LIMIT_S)
    with pytest.raises(DomainError, match=r"invoice\.E0002"):
        await adapter.issue(a_wish())
    with pytest.raises(Unknown):
        await adapter.find(ids.new().hex)
    await adapter.aclose()

    assert [line["answered"] for line in lines if line["event"] == "invoice.misunderstood"] == ["E0002", "E0002"]


async def test_no_name_is_in_a_log_line(issuer: BosssoftIssuer, lines: list[EventDict]) -> None:
    wanted = a_wish()
    bill = await issuer.issue(wanted)
    await issuer.picture(bill.picture_url)

    assert len(lines) == 2
    assert not any("张秀英" in str(line) or bill.picture_url in str(line) for line in lines)
