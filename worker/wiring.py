"""The composition root: what a worker process is built of, once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from temporalio.client import Client
from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import Worker, WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.booking import BookingActivities
from activities.charge import ChargeActivities
from activities.consent import ConsentActivities
from activities.delivery import DeliveryActivities
from activities.drug import DrugActivities
from activities.eligibility import EligibilityActivities
from activities.intake import IntakeActivities
from activities.invoice import InvoiceActivities
from activities.message import MessageOutbox
from activities.payment import StrayReports
from activities.prescription import PrescriptionActivities
from activities.queue import QueueActivities
from activities.record import RecordActivities
from activities.refund import RefundActivities
from activities.review import ReviewActivities
from activities.revisit import RevisitActivities
from activities.schedule import ScheduleActivities
from activities.signature import SignatureActivities
from activities.steps import Guard
from activities.survey import SurveyActivities
from activities.suspension import SuspensionActivities
from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.port import HIS
from gateways.invoice.account import InvoiceAccount
from gateways.invoice.bosssoft import BosssoftIssuer
from gateways.invoice.port import Issuer
from gateways.logistics.account import SfAccount
from gateways.logistics.port import Logistics
from gateways.logistics.sf import SfLogistics
from gateways.review.account import ReviewAccount
from gateways.review.port import Review
from gateways.review.rest import RestReview
from gateways.signature.account import SignatureAccount
from gateways.signature.port import SignatureService
from gateways.signature.rest import RestSignature
from gateways.sms.aliyun import AliyunAccount, AliyunSMS
from gateways.wechat_pay.account import WeChatPayAccount
from gateways.wechat_pay.port import WeChatPay
from gateways.wechat_pay.v3 import WeChatPayV3
from models.kernel.clock import Clock
from models.process import Runs
from models.signature import Trusted
from models.stores import charge as charges
from models.stores import delivery as deliveries
from models.stores import invoice as invoices
from models.stores import prescription as prescriptions
from models.stores import record as records
from models.stores import refund as refunds
from models.stores import revisit as revisits
from models.stores import suspension as suspensions
from models.stores.database import Database
from worker.attempts import Attempts
from worker.build import pinned_to
from worker.failures import Failures
from worker.settings import Settings
from workflows.charge import ChargeWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.invoice import InvoiceWorkflow
from workflows.prescription import PrescriptionWorkflow
from workflows.record import RecordWorkflow
from workflows.refill import RefillLookWorkflow
from workflows.refund import RefundWorkflow
from workflows.revisit import RevisitWorkflow
from workflows.runs import TASK_QUEUE
from workflows.schedule import ScheduleSyncWorkflow
from workflows.suspension import SuspensionWorkflow

WORKFLOWS: list[type] = [
    *(RevisitWorkflow, ChargeWorkflow, RefundWorkflow, PrescriptionWorkflow, RecordWorkflow, DeliveryWorkflow, InvoiceWorkflow),
    *(SuspensionWorkflow, ScheduleSyncWorkflow, RefillLookWorkflow),
]
ACTIVITIES_AT_ONCE = 40
POOL = 28


class Outside(Protocol):
    """Whom the activities ask, by port."""

    @property
    def his(self) -> HIS: ...

    @property
    def wechat_pay(self) -> WeChatPay: ...

    @property
    def logistics(self) -> Logistics: ...

    @property
    def review(self) -> Review: ...

    @property
    def signature(self) -> SignatureService: ...

    @property
    def trusted(self) -> Trusted: ...

    @property
    def issuer(self) -> Issuer: ...


@dataclass(frozen=True, slots=True)
class Parties:
    """The outside, each by its real wire."""

    his: FhirHIS
    wechat_pay: WeChatPayV3
    sms: AliyunSMS
    logistics: SfLogistics
    review: RestReview
    signature: RestSignature
    trusted: Trusted
    """Whose certificates prove a signature."""
    issuer: BosssoftIssuer

    async def aclose(self) -> None:
        for party in (self.his, self.wechat_pay, self.sms, self.logistics, self.review, self.signature, self.issuer):
            await party.aclose()


def parties(settings: Settings, clock: Clock) -> Parties:
    """Production and sandbox differ in base URLs and keys alone."""
    his = HisAccount(
        base_url=settings.his.base_url, client_id=settings.his.client_id, client_secret=settings.his.client_secret.get_secret_value()
    )
    pay = WeChatPayAccount(**settings.wechat_pay.plain(), notify_url=f"{settings.public_url}/webhooks/wechat-pay")
    sms = AliyunAccount(
        base_url=settings.sms.base_url,
        access_key_id=settings.sms.access_key_id,
        access_key_secret=settings.sms.access_key_secret.get_secret_value(),
        sign_name=settings.sms.sign_name,
    )
    logistics = SfLogistics(SfAccount(**settings.logistics.plain()), clock=clock)
    ca = SignatureAccount(**settings.signature.plain(), notify_url=f"{settings.public_url}/webhooks/signature")
    return Parties(
        his=FhirHIS(his),
        wechat_pay=WeChatPayV3(pay, clock=clock),
        sms=AliyunSMS(sms, clock=clock),
        logistics=logistics,
        review=RestReview(ReviewAccount(**settings.review.plain()), clock=clock),
        signature=RestSignature(ca, clock=clock),
        trusted=Trusted(settings.signature.trusted),
        issuer=BosssoftIssuer(InvoiceAccount(**settings.invoice.plain())),
    )


def activities(database: Database, outside: Outside, runs: Runs, clock: Clock, policy_line: str, files: Path) -> list[Callable[..., Any]]:
    """Every activity that a workflow names."""
    visits, money = Guard(database, clock, revisits.STORE), Guard(database, clock, charges.STORE)
    revisit = RevisitActivities(visits, outside.his)
    eligibility = EligibilityActivities(visits, outside.his)
    consent = ConsentActivities(visits)
    booking = BookingActivities(visits, outside.his, runs, policy_line)
    intake = IntakeActivities(visits, runs)
    queue = QueueActivities(visits, outside.his, runs)
    charge = ChargeActivities(money, outside.his, outside.wechat_pay, runs)
    refund = RefundActivities(Guard(database, clock, refunds.STORE), outside.his, outside.wechat_pay, runs)
    invoice = InvoiceActivities(Guard(database, clock, invoices.STORE), outside.issuer, invoices.InvoiceFiles(files), runs)
    delivery = DeliveryActivities(Guard(database, clock, deliveries.STORE), outside.logistics, runs)
    prescriptions_ = Guard(database, clock, prescriptions.STORE)
    prescription = PrescriptionActivities(prescriptions_, outside.his, outside.review, runs)
    signature = SignatureActivities(prescriptions_, outside.signature, outside.trusted)
    record = RecordActivities(Guard(database, clock, records.STORE), outside.signature, outside.trusted, outside.his)
    review = ReviewActivities(prescriptions_, outside.trusted)
    drug = DrugActivities(prescriptions_, outside.his, outside.logistics, runs, outside.trusted)
    schedule = ScheduleActivities(database, outside.his, clock, policy_line)
    survey = SurveyActivities(visits)
    suspension = SuspensionActivities(Guard(database, clock, suspensions.STORE), outside.his, runs)
    return [
        *(revisit.load, revisit.end, revisit.close, survey.answer, survey.lapse),
        *(eligibility.check, eligibility.complete, eligibility.relate, eligibility.look),
        *(consent.self_check, consent.consent),
        *(booking.hold, booking.book, booking.close, booking.leave, booking.rearrange, booking.note),
        intake.describe,
        *(queue.remind, queue.check_in, queue.urge, queue.accept, queue.enter, queue.call_again, queue.pass_over),
        *(charge.load, charge.order, charge.query, charge.close, charge.settle),
        *(refund.load, refund.reverse, refund.apply, refund.query, refund.retry, refund.hand_over, refund.pay_out, refund.withdraw),
        *(invoice.load, invoice.issue, invoice.fetch, invoice.reverse, invoice.retry, invoice.drop),
        *(delivery.load, delivery.create, delivery.poll, delivery.decide),
        *(prescription.load, prescription.amend, prescription.submit, prescription.check),
        *(prescription.extend, prescription.withdraw, prescription.expire),
        *(signature.request, signature.query),
        *(record.load, record.request, record.query, record.withdraw, record.file, record.retry, record.note),
        *(review.claim, review.release, review.approve, review.question, review.reject, review.answer, review.escalate),
        *(drug.price, drug.choose, drug.charged, drug.choose_again, drug.close, drug.leave),
        *(drug.query, drug.give_back, drug.delivered, drug.note),
        schedule.sync,
        *(suspension.load, suspension.look, suspension.clear),
    ]


def strays(database: Database, outside: Outside, runs: Runs, clock: Clock, policy_line: str) -> StrayReports:
    """Who looks after money that no charge wanted."""
    return StrayReports(database, outside.wechat_pay, runs, clock, policy_line)


def outbox(database: Database, outside: Parties, clock: Clock) -> MessageOutbox:
    return MessageOutbox(database, outside.sms, clock)


class Unasked(SandboxedWorkflowRunner):
    """The SDK's sandbox, not asked where each payload belongs: for codecs, stores and converters that want to know, of which we have none.

    It would be asked there some ten times a workflow task, by code compiled for the question: a tenth of a worker's time.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        made = super().create_instance(det)
        made.get_serialization_context = lambda command_info: None
        made.get_external_store_context = lambda command_info: StorageDriverStoreContext(target=None)
        return made


def worker(client: Client, work: list[Callable[..., Any]], *, workflow_cache: int, build: str | None = None) -> Worker:
    """One worker for all queues of this size of hospital, whose runs are pinned to its build; without one, it takes whatever runs."""
    passed = SandboxRestrictions.default.with_passthrough_modules("pydantic", "pydantic_core", "models", "structlog")
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=WORKFLOWS,
        deployment_config=pinned_to(build) if build else None,
        activities=work,
        interceptors=[Attempts(), Failures()],
        workflow_runner=Unasked(restrictions=passed),
        max_cached_workflows=workflow_cache,
        max_concurrent_activities=ACTIVITIES_AT_ONCE,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=2),
    )
