"""Money in any order: charged minus refunded is what is due, in all books, and nothing moves backwards."""

import asyncio
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from models.kernel.vault import Vault
from tests.database import Server
from tests.refund.stateful_machine import Money
from tests.refund.stateful_town import Town, founded


@pytest.fixture(scope="module")
def town(server: Server, vault: Vault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One for all examples, in a loop that stands still between two rules."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, pytest.MonkeyPatch.context() as monkeypatch:
        founding = founded(runner, server, vault, tmp_path_factory.mktemp("sandbox"), monkeypatch)
        yield runner.run(founding.__aenter__())
        runner.run(founding.__aexit__(None, None, None))


def walks(town: Town, examples: int, *, the_same: bool) -> None:
    """Sequences of rules, the same at every run or always new; one that fails is shrunk, printed as a program and kept beside it."""
    machine = type("Money", (Money,), {"town": town})
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=examples,
            derandomize=the_same,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
        ),
    )


@pytest.mark.timeout(900)  # to make what fails small takes minutes
def test_whatever_happens_to_money_all_books_agree(town: Town) -> None:
    walks(town, 50, the_same=True)


@pytest.mark.long
@pytest.mark.spare
def test_however_often(town: Town) -> None:
    walks(town, 500, the_same=False)
