"""The auditor itself: it shares no code with what it audits, everything that it can say was seen, and it says it readably."""

import ast
import re
from pathlib import Path

import pytest

from tests.auditor import Kind, assert_nothing_differs
from tests.auditor.finding import WORDS
from tests.auditor.hospital import Hospital
from tests.house.rooms import ROOMS

HERE = Path(__file__).parent
FOR_TESTS = {"conftest", "hospital", "outside", "pharmacy", "issuer", "story", "wax"}
"""What writes books by hand is no part of the auditor."""
AUDITOR = sorted(path for path in HERE.glob("*.py") if path.stem not in FOR_TESTS and not path.stem.startswith("test_"))
BORROWED = set(ROOMS) - {"tests"}


@pytest.mark.parametrize("path", AUDITOR, ids=lambda path: path.stem)
def test_it_shares_no_code_with_the_product_nor_with_the_sandbox(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    imported = {name for node in tree for name in _imported(node)}

    assert not {name for name in imported if name.split(".")[0] in BORROWED}
    assert {name for name in imported if name.startswith("tests.")} <= {f"tests.auditor.{one.stem}" for one in AUDITOR} | {"tests.auditor"}


def test_everything_that_it_can_say_is_seen_in_a_test_and_has_words() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    seen = set(re.findall(r"\bKind\.([A-Z_]+)", tests))

    assert set(Kind.__members__) - seen == set()
    assert set(WORDS) == set(Kind)


async def test_it_says_what_differs_for_whom_and_what_either_side_says(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    hospital.outside.settlements.clear()

    with pytest.raises(AssertionError) as said:
        await assert_nothing_differs(hospital.database_url, hospital.sandbox_url)

    assert str(said.value).splitlines()[:5] == [
        "2 findings",
        "ledger.his: the hospital's income by the ledger is not what the HIS has settled and not reversed",
        f"    charge={visit.charge_id} visit={visit.id}",
        "    ours: -5000 fen",
        "    theirs: 0 fen",
    ]


async def test_what_is_on_its_way_is_waited_for(hospital: Hospital) -> None:
    """It looks again until the time is up."""
    await hospital.visit("unpaid")
    looks = iter(["NOTPAY", "NOTPAY", "CLOSED"])
    page = hospital.outside.page

    def slowly(party: str) -> dict[str, list[dict[str, object]]]:
        if party == "wechat_pay":
            hospital.outside.orders[0]["state"] = next(looks)
        return page(party)

    hospital.outside.page = slowly

    await assert_nothing_differs(hospital.database_url, hospital.sandbox_url, within_s=20)

    assert list(looks) == []


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [one.name for one in names]
        case ast.ImportFrom(module=module, names=names):
            return [f"{module}.{one.name}" if module == "tests.auditor" and one.name.islower() else str(module) for one in names]
        case _:
            return []
