"""The one table of what we say: what may fill a text, what fits, and that all of it is said by somebody. Never a diagnosis (P-13.2)."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from models.message import CODES, LINK_DOMAIN, TEXTS, VALUE_CHARS_MAX, Template, Text, Variable, Waits
from models.revisit import DeclineReason, Reason
from models.stores.notices import told
from models.timeline import DECLINE_TEXTS, REASON_TEXTS
from sandbox.sms.templates import TEMPLATES, render
from tests.house.rooms import Source, calls, sources

HARMLESS = {
    *(Variable.TIME, Variable.MINUTES, Variable.COUNT, Variable.DEPARTMENT, Variable.DOCTOR, Variable.AMOUNT),
    *(Variable.REASON, Variable.UNTIL, Variable.VISIT, Variable.CODE, Variable.CARRIER, Variable.TAIL),
}
"""Times, numbers, places, sums, reasons of an enum, links and codes. Whoever adds one says here why it tells nobody what somebody has."""

TOLD_BY_STEP = {
    "booking.book": {Template.REVISIT_BOOKED},
    "booking.leave": {Template.REVISIT_CANCELLED, Template.REVISIT_DECLINED, Template.REVISIT_SUSPENDED},
    "booking.rearrange": {Template.REVISIT_REARRANGED},
    "queue.remind": {Template.REVISIT_REMINDER},
    "queue.accept": {Template.REVISIT_CALLED},
    "queue.call_again": {Template.REVISIT_CALLED_AGAIN},
    "revisit.end": {Template.REVISIT_ENDED},
}
"""The moves of a visit itself that tell its patient; each is one row of the outbox, in the move's own transaction."""


def test_every_template_has_its_text_and_none_beside() -> None:
    assert set(TEXTS) == set(Template)


def test_the_carrier_has_approved_exactly_our_texts() -> None:
    assert {template.code: text.text for template, text in TEXTS.items()} == TEMPLATES


def test_a_link_leads_to_the_one_domain_that_was_approved() -> None:
    links = [link for text in TEXTS.values() for link in re.findall(r"[\w.${}-]+/\S*", text.text)]

    assert links == [f"{LINK_DOMAIN}/again/${{visit}}"]


def test_no_text_calls_a_visit_by_one_of_its_two_entries() -> None:
    """线上复诊 or 复诊续方: the patient came by one of them, and the text is the same."""
    assert not [text.text for text in TEXTS.values() if re.search("线上复诊|续方", text.text)]


def test_no_text_has_a_gap_for_what_somebody_has() -> None:
    assert set(Variable) == HARMLESS
    assert all(set(text.variables) <= HARMLESS for text in TEXTS.values())


def test_a_gap_stands_once_in_a_text_with_words_around_it() -> None:
    for text in TEXTS.values():
        assert len(set(text.variables)) == len(text.variables)
        assert not text.text.startswith("${"), "a text is more than its value"


@pytest.mark.parametrize("reason", list(DeclineReason))
def test_each_reason_of_the_doctor_fits_whole(reason: DeclineReason) -> None:
    assert Text("${reason}", Waits.NEVER).fitted({"reason": DECLINE_TEXTS[reason]}) == {"reason": DECLINE_TEXTS[reason]}


@pytest.mark.parametrize("reason", list(REASON_TEXTS))
@pytest.mark.parametrize("paid", [True, False])
def test_each_reason_of_an_end_fits_whole(reason: Reason, *, paid: bool) -> None:
    assert 0 < len(told(reason, paid=paid)) <= VALUE_CHARS_MAX


def test_a_long_name_of_the_his_is_cut_and_breaks_nothing() -> None:
    long = {"time": "11月30日 09:30", "department": "国际医疗部" * 10}

    fitted = TEXTS[Template.REVISIT_BOOKED].fitted(long)

    assert (len(fitted["department"]), fitted["department"][-1]) == (VALUE_CHARS_MAX, "…")
    assert TEXTS[Template.REVISIT_BOOKED].fitted({"time": "09:30", "department": " "})["department"] == "－", "the carrier takes none"


@pytest.mark.parametrize("params", [{}, {"code": "1", "time": "2"}, {"digits": "1"}, {"code": ""}, {"code": "1" * 36}])
def test_what_is_not_the_texts_own_is_a_bug_and_loud(params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"characters|wants"):
        TEXTS[Template.SIGN_IN_CODE].fitted(params)


def test_staff_reads_what_was_said_but_no_code() -> None:
    assert TEXTS[Template.DRUGS_READY].shown({"code": "4711"}) == "您的药品已备好，请凭取药码******到院取药。"
    values = {"time": "11月30日 09:30", "department": "呼吸科"}
    assert render(Template.REVISIT_BOOKED.code, values).endswith(TEXTS[Template.REVISIT_BOOKED].shown(values))


def test_codes_are_the_templates_of_no_visit() -> None:
    assert {template for template in Template if template.value.endswith("_code")} == CODES
    assert all(TEXTS[template].waits is Waits.NEVER for template in CODES)


def named(source: Source, node: ast.AST) -> Iterator[Template]:
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "Template":
            yield Template[one.attr]


def test_every_template_is_said_by_somebody() -> None:
    tellers = list(sources("activities", "models/stores"))

    said = {template for source in tellers for template in named(source, source.tree)}

    assert said == set(Template)


def told_in(source: Source) -> dict[str, set[Template]]:
    """By function: what it tells, and what the functions of its file tell that it calls."""
    functions = [node for node in ast.walk(source.tree) if isinstance(node, ast.AsyncFunctionDef)]
    own = {one.name: set(named(source, one)) for one in functions}
    for one in functions:
        for call in (node for node in ast.walk(one) if isinstance(node, ast.Call)):
            own[one.name] |= own.get(ast.unparse(call.func).removeprefix("self."), set())
    return own


def test_each_move_of_a_visit_tells_what_it_should() -> None:
    found: dict[str, set[Template]] = defaultdict(set)
    for source in sources("activities"):
        told = told_in(source)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.AsyncFunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "step" and told[node.name]:
                        found[ast.literal_eval(mark.args[0])] |= told[node.name]

    of_a_visit = {Template.REVISIT_BOOKED, *(one for one in Template if one.value.startswith("revisit_"))}
    assert {name: told & of_a_visit for name, told in found.items() if told & of_a_visit} == TOLD_BY_STEP


def test_nobody_else_puts_anything_into_the_outbox() -> None:
    """What is told is told in the transaction of the move: by the notices, or of a code by who made it."""
    tellers = {
        source.name
        for source in sources("activities", "api", "models", "worker", "workflows")
        for call in calls(source)
        if ast.unparse(call.func) in {"message.enqueue", "messages.enqueue"}
    }

    assert tellers == {"models/stores/account_code.py", "models/stores/notices.py"}
