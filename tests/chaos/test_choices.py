"""A seed makes its choices again, and nothing is needed to ask for them."""

from itertools import islice

from tests.chaos.run import fitting
from tests.chaos.ways import WAYS, chosen, in_turn, of_walker
from tests.chaos.weather import ROUND, SPOTS, blows, faults

MANY = 2000


def _all(seed: str) -> tuple[object, ...]:
    walkers = [[of_walker(seed, number).random() for _ in range(3)] for number in range(40)]
    return chosen(seed, 40), walkers, list(islice(blows(seed), 40)), list(islice(faults(seed), 40))


def test_a_seed_makes_its_choices_again_and_another_makes_others() -> None:
    assert _all("a") == _all("a")
    assert all(mine != theirs for mine, theirs in zip(_all("a"), _all("b"), strict=True))


def test_more_people_take_the_same_ways_and_others_behind_them() -> None:
    assert chosen("a", 90)[:40] == chosen("a", 40)


def test_every_way_every_blow_and_every_call_comes_before_any_comes_again() -> None:
    assert set(chosen("a", len(WAYS))) == set(WAYS)
    assert [(one.part, one.hit) for one in sorted(islice(blows("a"), len(ROUND)), key=lambda one: ROUND.index((one.part, one.hit)))] == [
        *ROUND
    ]
    assert {(one.system, one.call) for _, one in islice(faults("a"), len(SPOTS))} == {(one.system, one.call) for one in SPOTS}


def test_in_calm_all_ways_come_and_a_few_are_of_every_kind() -> None:
    assert in_turn(len(WAYS) + 1) == [*WAYS, next(iter(WAYS))]
    assert {WAYS[way][0].__module__.rpartition(".")[2] for way in in_turn(12)} >= {"exits", "exits_drugs", "exits_money", "exits_queue"}
    assert len(set(in_turn(12))) == 12


def test_every_kind_of_fault_is_chosen_for_every_party_at_some_time() -> None:
    kinds = {(spot.system, kind) for spot in SPOTS for kind in spot.kinds}
    never = kinds - {(one.system, one.kind) for _, one in islice(faults("a"), MANY)}
    assert never == {("review", "refused")}  # no answer of it is asked for again


def test_a_clinic_that_is_changed_is_one_walkers_own() -> None:
    assert fitting(["moved", "seen", "replaced", "resumed", "stopped"], clinics=2) == ["moved", "seen", "replaced", "seen", "stopped"]
