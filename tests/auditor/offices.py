"""Who has an office, and who had it: the grants of today, and what the audit says that was given before."""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.auditor.books import Books

AROUND = timedelta(seconds=5)
"""A move and a grant that are so near to one another may have been either way round."""


class Offices:
    """By role. Where it was not said what somebody was given, what stands today counts for ever."""

    def __init__(self, books: Books) -> None:
        self.today: dict[UUID, set[str]] = defaultdict(set)
        self._given: dict[UUID, list[tuple[datetime, set[str]]]] = defaultdict(list)
        for grant in books.ours.left.grants:
            self.today[grant.account_id].add(grant.role)
        for one in books.ours.left.audits:
            if one.action == "account:enlist" and one.subject_id and (roles := _roles(one.detail)) is not None:
                self._given[one.subject_id].append((one.at, roles))

    def given_last(self, account_id: UUID) -> set[str]:
        """What it must have today."""
        return self._given[account_id][-1][1] if account_id in self._given else self.today[account_id]

    def ever(self, role: str) -> set[UUID]:
        """Who may have been told of something as one of this office."""
        had = {id for id, given in self._given.items() if any(role in roles for _, roles in given)}
        return had | {id for id, roles in self.today.items() if role in roles}

    def is_anybody(self, role: str, at: datetime) -> bool:
        """Whether somebody had it then, for certain."""
        return any(self._had(id, role, at) for id in self.ever(role))

    def _had(self, account_id: UUID, role: str, at: datetime) -> bool:
        given = self._given.get(account_id)
        if given is None:
            return role in self.today[account_id]
        before = [roles for when, roles in given if when < at - AROUND]
        about = [roles for when, roles in given if at - AROUND <= when <= at + AROUND]
        return bool(before or about) and all(role in roles for roles in before[-1:] + about)

    def was_there(self, account_id: UUID, at: datetime) -> bool:
        """Whether it had been enlisted then, for certain; where that was not said, it was."""
        return account_id not in self._given or self._given[account_id][0][0] < at - AROUND

    def was_another(self, account_id: UUID, at: datetime) -> bool:
        """Whether its name and its phone may have been others then: it was enlisted again since."""
        return account_id in self._given and at <= self._given[account_id][-1][0] + AROUND


def _roles(detail: str) -> set[str] | None:
    """None: it was not said when somebody was enlisted then."""
    said: dict[str, Any] = json.loads(detail)
    return set(said["roles"]) if "roles" in said else None
