"""Who may do what: roles, the permissions that each carries, and how far a grant reaches.

Nobody has a right that this table does not name: deny by default.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID


class AccountKind(StrEnum):
    """How one signs in: a patient by phone and code, staff by name, password and code."""

    PATIENT = "patient"
    STAFF = "staff"


class Role(StrEnum):
    """A post of the hospital, or being a patient of it."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    MANAGEMENT = "management"
    FINANCE = "finance"
    PHARMACIST = "pharmacist"


Permission = Literal[
    "account:read",
    "patient:bind",
    "patient:read",
    "directory:read",
    "directory:sync",
    "revisit:open",
    "revisit:read",
    "revisit:act",
    "revisit:read_any",
    "revisit:accept",
    "revisit:decline",
    "revisit:end",
    "intake:write",
    "intake:read",
    "charge:read",
    "charge:pay",
    "chat:read",
    "chat:write",
    "record:read",
    "record:write",
    "record:file",
    "queue:read",
    "history:read",
    "ledger:read",
    "refund:read",
    "refund:act",
    "prescription:read",
    "prescription:write",
    "prescription:choose",
    "review:act",
    "delivery:read",
    "delivery:read_any",
    "delivery:decide",
    "invoice:read",
    "invoice:read_any",
    "invoice:act",
    "survey:read",
    "survey:read_own",
    "suspension:read",
    "suspension:act",
    "message:read",
    "message:resend",
]
"""`<word>:<verb>`, the word being one of `docs/words.md`. Which patient's or department's rows it reaches is said by the SQL."""

ROLES: dict[Role, frozenset[Permission]] = {
    Role.PATIENT: frozenset(
        {
            "account:read",
            "patient:bind",
            "patient:read",
            "directory:read",
            "revisit:open",
            "revisit:read",
            "revisit:act",
            "intake:write",
            "intake:read",
            "charge:read",
            "charge:pay",
            "chat:read",
            "chat:write",
            "record:read",
            "prescription:read",
            "prescription:choose",
            "delivery:read",
            "invoice:read",
        }
    ),
    Role.DOCTOR: frozenset(
        {
            "account:read",
            "directory:read",
            "queue:read",
            "revisit:accept",
            "revisit:decline",
            "revisit:end",
            "intake:read",
            "chat:read",
            "chat:write",
            "record:read",
            "record:write",
            "prescription:read",
            "prescription:write",
            "survey:read_own",
        }
    ),
    Role.MANAGEMENT: frozenset(
        {
            *("account:read", "directory:read", "directory:sync", "revisit:read_any", "revisit:decline", "history:read"),
            *("invoice:read_any", "invoice:act"),
            *("ledger:read", "refund:read", "refund:act", "delivery:read_any", "delivery:decide", "record:file"),
            *("suspension:read", "suspension:act", "message:read", "message:resend", "survey:read"),
        },
    ),
    Role.FINANCE: frozenset(
        {
            *("account:read", "revisit:read_any", "history:read", "ledger:read", "refund:read", "refund:act"),
            *("invoice:read_any", "invoice:act"),
        }
    ),
    Role.PHARMACIST: frozenset({"account:read", "prescription:read", "review:act", "delivery:read_any", "delivery:decide"}),
}
"""The one table of rights."""


def carriers(permission: Permission) -> list[Role]:
    """The roles that carry it."""
    return [role for role, permissions in ROLES.items() if permission in permissions]


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, in one department or (None) in all."""

    role: Role
    department_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is calling: an account behind a live session, and its grants at this moment."""

    account_id: UUID
    session_id: UUID
    kind: AccountKind
    grants: frozenset[Grant]
    seen_at: datetime

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(grant.role for grant in self.grants)

    def may(self, permission: Permission) -> bool:
        """Whether any of its grants carries the permission, wherever it reaches."""
        return any(permission in ROLES[grant.role] for grant in self.grants)

    def departments(self, permission: Permission) -> frozenset[str] | None:
        """Where the permission reaches: None is everywhere, an empty set nowhere."""
        reach = {grant.department_id for grant in self.grants if permission in ROLES[grant.role]}
        return None if None in reach else frozenset(department for department in reach if department is not None)


CODE_DIGITS = 6
CODE_LASTS = timedelta(minutes=5)
CODE_TRIES_MAX = 5
CODE_PAUSE = timedelta(seconds=60)
"""Between one code and the next to the same phone."""
CODES_A_DAY_MAX = 30
PASSWORD_FAILURES_MAX = 5
"""等保 GB/T 22239-2019 level 3: locked after 5 failures [G]."""
PASSWORD_LOCKED = timedelta(minutes=15)

IDLE: dict[AccountKind, timedelta] = {AccountKind.PATIENT: timedelta(days=30), AccountKind.STAFF: timedelta(minutes=30)}
"""A session that is not used for so long ends; staff by 等保 level 3: at most 30 minutes [G]."""
LASTS: dict[AccountKind, timedelta] = {AccountKind.PATIENT: timedelta(days=180), AccountKind.STAFF: timedelta(hours=12)}
"""Then one signs in again, however busy: half a year, or one working day."""
SEEN_EVERY = timedelta(minutes=1)
"""How exactly a session remembers when it was last used: not each read is a write. Idle limits err to the short side by as much."""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a sign-in gives: the token is shown this once and stored only as its hash."""

    token: str
    account_id: UUID
    expires_at: datetime
