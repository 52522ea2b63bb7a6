"""The bare program does what was counted of a real visit: no more, no less."""

from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from bench.bare.visits import BEGIN, SIGNAL, UPDATE, Shape, Turn, histories, shape_of, visit, working
from stack.temporal import embedded_temporal

SHAPE = Shape(
    turns=[
        [Turn(BEGIN, 2), Turn(UPDATE, 1, timer=True), Turn(UPDATE, 1, 1), Turn(SIGNAL, 1)],
        [Turn(BEGIN, 1), Turn(SIGNAL, 2)],
    ],
    course=[(0, BEGIN), (0, UPDATE), (1, BEGIN), (0, UPDATE), (1, SIGNAL), (0, SIGNAL)],
)


async def test_its_histories_have_the_shape_that_it_was_given(tmp_path: Path) -> None:
    async with embedded_temporal(tmp_path) as address:
        client = await Client.connect(address)
        async with working(client) as hands:
            name = await visit(client, hands, SHAPE)
        walked = shape_of(await histories(client, SHAPE, name))

    assert (walked.turns, walked.course) == (SHAPE.turns, SHAPE.course)


def test_a_visit_that_an_alarm_went_off_in_is_no_measure() -> None:
    begun = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)

    with pytest.raises(ValueError, match="came late"):
        shape_of({"run": [begun, HistoryEvent(event_type=EventType.EVENT_TYPE_TIMER_FIRED)]})
