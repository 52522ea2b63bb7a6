"""A morning of the demo day."""

import pytest

from tests.client import Hands
from tests.schedule.builders import at


@pytest.fixture
def clock() -> Hands:
    return Hands(at(9, 30))
