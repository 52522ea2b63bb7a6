"""A seed makes its choices again, and nothing is needed to ask for them."""

from itertools import islice

from tests.chaos.ways import WAYS, chosen, of_walker
from tests.chaos.weather import SPOTS, blows, faults

MANY = 2000


def _all(seed: str) -> tuple[object, ...]:
    walkers = [[of_walker(seed, number).random() for _ in range(3)] for number in range(40)]
    return chosen(seed, 40), walkers, list(islice(blows(seed), 40)), list(islice(faults(seed), 40))


def test_a_seed_makes_its_choices_again_and_another_makes_others() -> None:
    assert _all("a") == _all("a")
    assert all(mine != theirs for mine, theirs in zip(_all("a"), _all("b"), strict=True))


def test_more_people_take_the_same_ways_and_others_behind_them() -> None:
    assert chosen("a", 60)[:40] == chosen("a", 40)


def test_every_way_and_every_call_is_chosen_at_some_time() -> None:
    assert set(chosen("a", MANY)) == set(WAYS)
    assert {(one.system, one.call) for _, one in islice(faults("a"), MANY)} == {(one.system, one.call) for one in SPOTS}
