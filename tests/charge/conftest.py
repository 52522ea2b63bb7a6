"""A hospital for each test."""

import pytest

from models.stores.database import Database
from tests.client import Hands
from tests.process.hospital import MORNING, Hospital, Unheard


@pytest.fixture
def clock() -> Hands:
    """It is nine on a Monday until the test moves it."""
    return Hands(MORNING)


@pytest.fixture
def runs() -> Unheard:
    return Unheard()


@pytest.fixture
def hospital(database: Database, clock: Hands, runs: Unheard) -> Hospital:
    return Hospital(database, clock, runs)
