"""满意度调查: what each ended visit was asked, and what was answered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.survey import SurveyState
from models.tables.table import Table, one_of


class SurveyRow(Table):
    """One of a visit. Doctor and department are those of its end: results are theirs."""

    __tablename__ = "survey"
    __table_args__ = (
        CheckConstraint(one_of("state", SurveyState), name="state"),
        CheckConstraint("(state = 'answered') = (answer_id is not null)", name="answer"),
        UniqueConstraint("revisit_id"),
        Index(None, "asked_at"),
        Index("ix_survey_answered", "ended_at", "id", postgresql_where=text("state = 'answered'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revisit_id: Mapped[UUID] = mapped_column(ForeignKey("revisit.id"))
    doctor_id: Mapped[str]
    department_id: Mapped[str]
    questionnaire: Mapped[str]
    """The version that is shown."""
    state: Mapped[str]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    answer_id: Mapped[UUID | None]


class SurveyAnswerRow(Table):
    """Stored before the step that binds it: only its id travels. One that was never bound counts nowhere."""

    __tablename__ = "survey_answer"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    survey_id: Mapped[UUID] = mapped_column(ForeignKey("survey.id"), index=True)
    account_id: Mapped[UUID]
    answers: Mapped[dict[str, int]] = mapped_column(JSONB)
    """By `linkId`: a score of 1 to 5, or 1 for yes and 0 for no."""
    remark: Mapped[bytes | None]
    """In the patient's own words, sealed."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
