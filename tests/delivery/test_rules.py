"""What is known of a parcel, merged: by when it was seen, whoever tells it, and never backwards."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.delivery import MOVES, WAY, DeliveryState, Mark, Receiver, TrackEvent, merged, standing
from models.kernel import ids
from models.kernel.clock import SHANGHAI

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=SHANGHAI)
RANKS = {state: rank for rank, state in enumerate(WAY)} | {DeliveryState.RETURNED: len(WAY), DeliveryState.SIGNED: len(WAY)}


def a_scan(mark: Mark, minute: int = 0, sequence: int = 0, place: str = "北京市", text: str = "") -> TrackEvent:
    return TrackEvent(at=NOON + timedelta(minutes=minute), sequence=sequence, mark=mark, code=mark, place=place, text=text)


def story(*marks: Mark) -> list[TrackEvent]:
    return [a_scan(mark, minute) for minute, mark in enumerate(marks)]


scans = st.builds(
    a_scan, st.sampled_from(Mark), minute=st.integers(0, 6), sequence=st.integers(0, 2), place=st.sampled_from(["北京市", "上海市"])
)


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ((), DeliveryState.CREATED),
        ((Mark.OTHER,), DeliveryState.CREATED),
        ((Mark.PICKED_UP,), DeliveryState.PICKED_UP),
        ((Mark.PICKED_UP, Mark.TRANSIT), DeliveryState.IN_TRANSIT),
        ((Mark.PICKED_UP, Mark.OUT, Mark.FAILED), DeliveryState.OUT_FOR_DELIVERY),
        ((Mark.OUT, Mark.FAILED, Mark.TRANSIT, Mark.OUT), DeliveryState.OUT_FOR_DELIVERY),
        ((Mark.OUT, Mark.DELIVERED), DeliveryState.SIGNED),
        ((Mark.OUT, Mark.REFUSED), DeliveryState.REFUSED),
        ((Mark.REFUSED, Mark.TRANSIT), DeliveryState.REFUSED),
        ((Mark.REFUSED, Mark.RETURNING, Mark.TRANSIT, Mark.OUT), DeliveryState.RETURNING),
        ((Mark.RETURNING, Mark.DELIVERED), DeliveryState.RETURNED),
        ((Mark.REFUSED, Mark.DELIVERED), DeliveryState.RETURNED),
        ((Mark.DELIVERED, Mark.OTHER), DeliveryState.SIGNED),
    ],
)
def test_where_a_parcel_stands(marks: tuple[Mark, ...], state: DeliveryState) -> None:
    assert standing(merged(story(*marks))) is state


def test_what_is_told_twice_is_known_once() -> None:
    told = story(Mark.PICKED_UP, Mark.TRANSIT)
    again = [event.model_copy(update={"text": "told otherwise", "sequence": 9}) for event in told]

    known = merged(told, again, told[:1])

    assert [event.mark for event in known] == [Mark.PICKED_UP, Mark.TRANSIT]
    assert [event.text for event in known] == ["", "told otherwise"], "in the words of the last telling"


def test_of_the_same_second_the_order_of_the_telling_counts() -> None:
    out, delivered = a_scan(Mark.OUT, sequence=1), a_scan(Mark.DELIVERED, sequence=2)

    assert [event.mark for event in merged([delivered], [out])] == [Mark.OUT, Mark.DELIVERED]


def test_the_same_sight_has_one_id_in_each_parcel() -> None:
    one, other = ids.new(), ids.new()
    event = a_scan(Mark.OUT)

    assert event.id_of(one) == event.model_copy(update={"text": "x", "sequence": 5}).id_of(one)
    assert len({event.id_of(one), event.id_of(other), a_scan(Mark.OUT, 1).id_of(one), a_scan(Mark.OUT, place="上海市").id_of(one)}) == 4


@given(st.lists(scans, max_size=8), st.data())
def test_more_knowledge_never_moves_a_parcel_back(all_scans: list[TrackEvent], data: st.DataObject) -> None:
    """Whatever comes first, by push or by poll: each look goes on or stays, the table of moves has it, and the end is the same."""
    order = data.draw(st.permutations(all_scans))
    known: tuple[TrackEvent, ...] = ()
    state = DeliveryState.CREATED
    for event in order:
        known = merged(known, [event])
        after = standing(known)
        assert RANKS[after] >= RANKS[state]
        if state in WAY:
            MOVES.check(state, after)
        state = after

    assert {(event.at, event.code, event.place) for event in known} == {(event.at, event.code, event.place) for event in all_scans}


@given(st.lists(scans, max_size=8, unique_by=lambda event: (event.at, event.code, event.place)), st.data())
def test_the_order_of_the_tellings_does_not_matter(all_scans: list[TrackEvent], data: st.DataObject) -> None:
    tellings = data.draw(st.permutations(all_scans))

    assert merged(*([event] for event in tellings)) == merged(all_scans)


def test_who_lives_where_is_masked() -> None:
    receiver = Receiver(name="张秀英", phone="+86 138 0010 0001", province="北京市", city="北京市", county="东城区", detail="演示路2号")

    assert receiver.phone == "13800100001"
    assert receiver.masked_place == "北京市 北京市 东城区 ****"
