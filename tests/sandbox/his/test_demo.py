"""The demo hospital: open at every minute, the same from the same seed, there on every later day."""

from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from sandbox import his
from sandbox.his import id_number
from sandbox.his.demo import people, staff, units
from sandbox.his.instants import BEIJING
from tests.sandbox.his.client import Client, Clock

TODAY = date(2026, 11, 25)


def test_at_every_minute_one_unit_is_open_for_an_hour_or_more() -> None:
    of_today = [unit for unit in units.units_on(TODAY, seed=7) if unit.doctor.id == "doc-wangjianguo"]
    for minute in range(24 * 60):
        at = datetime(2026, 11, 25, tzinfo=BEIJING) + timedelta(minutes=minute)
        assert units.open_at(of_today, at, left=timedelta(minutes=60)), at
        for unit in units.open_at(of_today, at, left=timedelta(minutes=60)):
            assert any(start <= at < end or start >= at for start, end in unit.hours())


@pytest.mark.parametrize("seed", [7, 8, 2026])
def test_the_same_seed_gives_the_same_week_and_a_believable_one(seed: int) -> None:
    week = [unit for ahead in range(8) for unit in units.units_on(TODAY + timedelta(days=ahead), seed)]

    assert week == [unit for ahead in range(8) for unit in units.units_on(TODAY + timedelta(days=ahead), seed)]
    assert len({unit.id for unit in week}) == len(week)
    ordinary = [unit for unit in week if not unit.doctor.always]
    assert {unit.period for unit in ordinary} == {"morning", "afternoon"}
    assert {unit.doctor.id for unit in week} == {doctor.id for doctor in staff.DOCTORS}
    assert any(unit.stopped for unit in ordinary)
    assert any(min(unit.sold) == units.CAPACITY for unit in ordinary)
    assert any(max(unit.sold) < units.CAPACITY for unit in ordinary)


def test_another_seed_gives_another_week() -> None:
    assert units.units_on(TODAY, seed=7) != units.units_on(TODAY, seed=8)


def test_slots_are_the_hours_of_a_unit() -> None:
    for unit in units.units_on(TODAY, seed=7):
        hours = unit.hours()
        assert (hours[0][0], hours[-1][1]) == (unit.starts_at, unit.ends_at)
        assert all(end - start == timedelta(hours=1) for start, end in hours)
        assert [end for _, end in hours[:-1]] == [start for start, _ in hours[1:]]


def test_id_numbers_follow_the_national_rule() -> None:
    assert id_number.is_valid("11010519491231002X")
    assert id_number.compose("110105", date(1949, 12, 31), 2) == "11010519491231002X"
    wrong = [
        "110105194912310021",
        "11010519491231002x",
        "1101051949123100",
        "110105194902300020",
        "",
        "１１０１０５１９４９１２３１００２X",
    ]
    assert not any(id_number.is_valid(number) for number in wrong)
    cards = people.cards(TODAY)
    assert all(id_number.is_valid(card.id_number) for card in cards)
    assert len({card.phone for card in cards}) == len({card.id_number for card in cards}) == len(cards) - 1  # two cards of one person


@pytest.mark.parametrize("today", [TODAY, date(2027, 2, 28), date(2028, 2, 29), date(2026, 12, 31), date(2027, 1, 1)])
def test_the_child_is_six_on_the_day_the_hospital_opens(today: date) -> None:
    [child] = [card for card in people.cards(today) if card.kind == "child"]
    born = id_number.birth_on(child.id_number)

    assert today.year - born.year - ((today.month, today.day) < (born.month, born.day)) == 6


async def test_who_is_who(client: Client) -> None:
    demo = (await client.http.get("/his/desk/demo")).json()

    kinds = Counter(person["kind"] for person in demo["patients"])
    assert kinds == {
        "eligible": 5,
        "out_of_window": 1,
        "other_diagnosis": 1,
        "missing_fields": 1,
        "child": 1,
        "two_cards": 2,
        "no_visit": 1,
    }
    first = demo["patients"][0]
    assert (first["id"], first["name"], first["id_number"], first["phone"]) == (
        "pat-eligible",
        "张秀英",
        "110105195805120428",
        "13800100001",
    )
    assert {person["kind"]: person["missing"] for person in demo["patients"] if person["missing"]} == {
        "missing_fields": ["telecom", "address"]
    }
    assert {doctor["id"]: doctor["title"] for doctor in demo["doctors"]}[demo["doctor"]] == "主任医师"


async def _last_visits(client: Client, clock: Clock) -> dict[str, int | None]:
    """Days since each person's last visit."""
    demo = (await client.http.get("/his/desk/demo")).json()
    days: dict[str, int | None] = {}
    for person in demo["patients"]:
        visits = await client.found("/Encounter", patient=person["id"], status="finished")
        days[person["id"]] = (clock.at - datetime.fromisoformat(visits[0]["period"]["start"])).days if visits else None
    return days


async def test_histories_are_of_their_kind(client: Client, clock: Clock) -> None:
    days = await _last_visits(client, clock)

    assert days["pat-no-visit"] is None
    assert (days["pat-out-of-window"] or 0) > 400
    recent = {id: ago for id, ago in days.items() if id not in ("pat-no-visit", "pat-out-of-window", "pat-two-cards-a")}
    assert all(ago is not None and ago < 90 for ago in recent.values())


async def test_the_hospital_is_open_on_later_days_too(client: Client, clock: Clock, hospital: his.His) -> None:
    clock.forward(days=200)
    await client.sign_in(hospital.client_id, hospital.client_secret)
    today = clock.at.date().isoformat()

    units_today = await client.found("/Schedule", date=today, actor="doc-wangjianguo")
    a_week_on = await client.found("/Schedule", date=(clock.at.date() + timedelta(days=7)).isoformat())

    assert len(units_today) == 4
    assert a_week_on
    days = await _last_visits(client, clock)
    assert (days["pat-eligible"] or 0) < 90
    assert (days["pat-out-of-window"] or 0) > 600


async def test_a_booking_outlives_a_topping_up(client: Client, clock: Clock, hospital: his.His) -> None:
    booked = await client.booked("c1", slot="slot-wangjianguo-20261127-morning-0900")
    clock.forward(days=1)
    await client.sign_in(hospital.client_id, hospital.client_secret)

    assert await client.remaining("slot-wangjianguo-20261127-morning-0900") == 5
    assert (await client.get(f"/Appointment/{booked['id']}"))["status"] == "booked"
