"""What travels through histories: each thing arrives as itself, and nothing of it is a person's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from pydantic import BaseModel
from temporalio.contrib.pydantic import pydantic_data_converter

from models.charge import Charge, ChargeEvent, ChargeState
from models.delivery import Delivery, DeliveryEvent, DeliveryState
from models.invoice import Invoice, InvoiceEvent, InvoiceState
from models.prescription import Prescription, PrescriptionEvent, PrescriptionState
from models.process import Alarm, Event
from models.record import RecordEvent, RecordSigning, RecordState
from models.refund import Cause, Refund, RefundEvent, RefundState
from models.revisit import Revisit, RevisitEvent, State
from models.stores.database import Database
from tests.client import Hands
from tests.process.examples import (
    CHARGE_EVENTS,
    DELIVERY_EVENTS,
    INVOICE_EVENTS,
    PRESCRIPTION_EVENTS,
    RECORD_EVENTS,
    REFUND_EVENTS,
    REVISIT_EVENTS,
)
from tests.process.hospital import MORNING, Hospital, Unheard
from worker.wiring import WORKFLOWS
from workflows.process import Process

EVENTS = [
    (union, one)
    for union, events in (
        (RevisitEvent, REVISIT_EVENTS),
        (ChargeEvent, CHARGE_EVENTS),
        (RefundEvent, REFUND_EVENTS),
        (DeliveryEvent, DELIVERY_EVENTS),
        (InvoiceEvent, INVOICE_EVENTS),
        (PrescriptionEvent, PRESCRIPTION_EVENTS),
        (RecordEvent, RECORD_EVENTS),
    )
    for one in events.values()
]

CODES: Final = {
    "kind": "tells the members of a union apart",
    "body": "hash of a request",
    "request": "id of a request",
    "past_encounter_id": "the HIS's id of a past visit",
    "slot_id": "the HIS's id of a slot",
    "schedule_id": "the HIS's id of a 就诊单元",
    "doctor_id": "the HIS's id of a doctor",
    "order_no": "the channel's number of an order",
    "trouble": "code of a refusal",
    "voucher": "number of the hospital's own transfer",
    "text_version": "version of a notice",
    "text_hash": "hash of a notice",
}
"""The only fields of text: codes and hashes. What people write is stored first, and its id travels."""
PLAIN: Final = (UUID, datetime, int, bool, type(None))


async def there_and_back(kind: Any, value: object) -> Any:
    payloads = await pydantic_data_converter.encode([value])
    return (await pydantic_data_converter.decode(payloads, [kind]))[0]


@pytest.mark.parametrize(("union", "event"), EVENTS, ids=lambda one: getattr(one, "kind", ""))
async def test_an_event_arrives_as_itself(union: Any, event: Event | Alarm) -> None:
    """By its own type, as an Update or Signal reads it, and by the union, as a row reads what is under way."""
    for kind in (type(event), union):
        arrived = await there_and_back(kind, event)
        assert type(arrived) is type(event)
        assert arrived == event


@pytest.mark.parametrize(("union", "event"), EVENTS, ids=lambda one: getattr(one, "kind", ""))
async def test_a_row_arrives_with_what_is_under_way(union: Any, event: Event | Alarm) -> None:
    at = datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC)
    clocks: dict[str, Any] = {"id": UUID(int=1), "version": 7, "due_at": at, "wake_at": at}
    row: Revisit | Charge | Refund | Delivery | Prescription | RecordSigning | Invoice
    if union is RevisitEvent:
        row = Revisit(**clocks, state=State.CHOOSING, under_way=event, leaving_as=State.CANCELLED, entered=True, calls=2)  # pyright: ignore[reportArgumentType]
    elif union is RefundEvent:
        row = Refund(**clocks, state=RefundState.STUCK, under_way=event, visit_id=UUID(int=2), cause=Cause.LATE, trouble="refund.overdue")  # pyright: ignore[reportArgumentType]
    elif union is DeliveryEvent:
        ids = {"visit_id": UUID(int=2), "prescription_id": UUID(int=3)}
        row = Delivery(**clocks, **ids, state=DeliveryState.OVERDUE, under_way=event, trouble="delivery.unreachable")  # pyright: ignore[reportArgumentType]
    elif union is InvoiceEvent:
        ids = {"visit_id": UUID(int=2), "charge_id": UUID(int=3)}
        row = Invoice(**clocks, **ids, state=InvoiceState.REFUSED, under_way=event, trouble="invoice.E0104")  # pyright: ignore[reportArgumentType]
    elif union is PrescriptionEvent:
        row = Prescription(**clocks, state=PrescriptionState.QUEUED, under_way=event, visit_id=UUID(int=2), content_id=UUID(int=3))  # pyright: ignore[reportArgumentType]
    elif union is RecordEvent:
        row = RecordSigning(**clocks, state=RecordState.STUCK, under_way=event, visit_id=UUID(int=2), task_id=UUID(int=3))  # pyright: ignore[reportArgumentType]
    else:
        row = Charge(**clocks, state=ChargeState.OPEN, under_way=event, visit_id=UUID(int=2))  # pyright: ignore[reportArgumentType]

    arrived = await there_and_back(type(row), row)

    assert arrived == row
    assert type(arrived.under_way) is type(event)


@pytest.mark.parametrize("union", [RevisitEvent, ChargeEvent, RefundEvent, DeliveryEvent, InvoiceEvent, PrescriptionEvent])
def test_the_examples_are_all_there_is(union: Any) -> None:
    members = set(get_args(get_args(union)[0]))

    assert members == {type(event) for kind, event in EVENTS if kind is union}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a type is made of, itself included."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for part in get_args(annotation):
        yield from models_in(part)


def leaves(annotation: Any) -> Iterator[Any]:
    """What a type comes down to."""
    match get_origin(annotation):
        case None:
            yield annotation
        case origin if origin is Annotated:
            yield from leaves(get_args(annotation)[0])
        case origin if origin is Literal:
            yield from ()
        case origin if origin in (Union, UnionType) or origin is tuple:
            for part in get_args(annotation):
                if part is not Ellipsis:
                    yield from leaves(part)
        case origin:
            yield origin


def signatures() -> Iterator[Any]:
    """The types of everything that crosses: runs, Updates, Signals and activities."""
    for workflow in WORKFLOWS:
        definition: Any = getattr(workflow, "__temporal_workflow_definition")
        for handler in [*definition.updates.values(), *definition.signals.values()]:
            yield from handler.arg_types
            yield getattr(handler, "ret_type", type(None))
        yield from get_type_hints(definition.run_fn).values()
    for activity in Hospital(Database("postgresql+asyncpg://nowhere/none", None), Hands(MORNING), Unheard()).activities:  # pyright: ignore[reportArgumentType]
        yield from get_type_hints(activity).values()


def test_no_payload_has_a_place_for_a_personal_value() -> None:
    crossing = list(signatures())
    payloads = {model for one in crossing for model in models_in(one)}
    assert {Revisit, Charge, Refund, Delivery, Invoice, *(type(event) for _, event in EVENTS)} <= payloads

    wordy = [
        f"{model.__name__}.{name}: {leaf}"
        for model in payloads
        for name, field in model.model_fields.items()
        for leaf in leaves(field.annotation)
        if not (leaf is str and name in CODES) and not (isinstance(leaf, type) and issubclass(leaf, (*PLAIN, Enum, BaseModel)))
    ]

    assert not wordy, "store it first and let its id travel, or name the code in CODES"


def test_what_crosses_outside_a_model_is_plain_too() -> None:
    crossing: list[Any] = [leaf for one in signatures() for leaf in leaves(one)]

    assert {one for one in crossing if one not in PLAIN and not issubclass(one, BaseModel)} == set()


def test_no_payload_lets_in_what_it_does_not_name_or_makes_up_a_value() -> None:
    """A default made by a factory would be another one in a replay."""
    payloads = {model for one in signatures() for model in models_in(one)}

    assert not [model.__name__ for model in payloads if issubclass(model, Event) and model.model_config.get("extra") != "forbid"]
    assert not [model.__name__ for model in payloads if not model.model_config.get("frozen")]
    assert not [f"{model.__name__}.{name}" for model in payloads for name, one in model.model_fields.items() if one.default_factory]


def test_every_process_walks_by_the_kernel() -> None:
    """A pull and a look have no row to walk from."""
    assert [one.__name__ for one in WORKFLOWS if not issubclass(one, Process)] == ["ScheduleSyncWorkflow", "RefillLookWorkflow"]
