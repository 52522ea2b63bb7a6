"""All ways, how often each is taken, and who takes which: chosen by the seed alone."""

from collections.abc import Awaitable, Callable
from itertools import cycle, islice
from random import Random
from typing import Final

from tests.chaos import exits, exits_clinics, exits_drugs, exits_money, exits_queue
from tests.chaos.walker import Walker
from tests.journeys.visit import Visit

Way = Callable[[Walker], Awaitable[Visit]]
_OF_VISITS: Final[tuple[tuple[Way, int], ...]] = (
    *((exits.seen, 6), (exits.survey_lapses, 1), (exits.left_before_paying, 2)),
    *((exits.out_of_window, 1), (exits.no_record, 1), (exits.too_young, 1), (exits.emergency, 1)),
    *((exits.left_while_paying, 4), (exits.left_when_booked, 4), (exits.left_standing, 4), (exits.never_paid, 2), (exits.contended, 3)),
    *((exits.absent, 2), (exits.declined, 4), (exits.stopped, 4), (exits.refilled, 2), (exits.given_back_at_last, 2)),
    *((exits.given_back_by_the_management, 1), (exits.undone_at_the_window, 1)),
    *((exits_queue.called_again, 1), (exits_queue.passed_over, 2), (exits_queue.data_wanting, 1)),
    *((exits_queue.left_while_data_is_wanting, 1), (exits_queue.of_one_account, 1), (exits_queue.not_reached, 2)),
    *((exits_queue.record_signed_anew, 2), (exits_clinics.moved, 1), (exits_clinics.replaced, 1), (exits_clinics.resumed, 1)),
)
_OF_MONEY: Final[tuple[tuple[Way, int], ...]] = (
    *((exits_money.paid_late, 2), (exits_money.paid_twice, 2), (exits_money.paid_another_sum, 1), (exits_money.paid_for_nothing, 1)),
    *((exits_money.paid_out, 2), (exits_money.partly_given_back, 2)),
)
_OF_DRUGS: Final[tuple[tuple[Way, int], ...]] = (
    *((exits_drugs.picked_up, 3), (exits_drugs.not_wanted, 2), (exits_drugs.drugs_not_paid, 2), (exits_drugs.rejected, 2)),
    *((exits_drugs.answered, 1), (exits_drugs.amended, 2), (exits_drugs.sent, 3), (exits_drugs.sent_and_refused, 2)),
    *((exits_drugs.sent_again, 2), (exits_drugs.kept, 2), (exits_drugs.paid_at_the_window, 2), (exits_drugs.chosen_otherwise, 1)),
    *((exits_drugs.left_for_no_window, 1), (exits_drugs.drugs_left_while_paying, 2), (exits_drugs.written_anew, 2)),
)
WAYS: Final[dict[str, tuple[Way, int]]] = {way.__name__: (way, weight) for way, weight in (*_OF_VISITS, *_OF_MONEY, *_OF_DRUGS)}
"""And how often each is chosen, against the others."""


def chosen(seed: str, pathways: int) -> list[str]:
    """The way of each pathway, by its number: each once, and then by how often it is taken."""
    chance = Random(f"{seed} ways")
    first = chance.sample(list(WAYS), len(WAYS))
    return [*first, *chance.choices(list(WAYS), [weight for _, weight in WAYS.values()], k=pathways)][:pathways]


def in_turn(pathways: int) -> list[str]:
    """Each way once, and then again; fewer than all are taken from everywhere among them."""
    if pathways < len(WAYS):
        return [[*WAYS][number * len(WAYS) // pathways] for number in range(pathways)]
    return list(islice(cycle(WAYS), pathways))


def of_walker(seed: str, number: int) -> Random:
    """What that one chooses on its way."""
    return Random(f"{seed} {number}")
