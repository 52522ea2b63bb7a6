"""Who may do what, without any fixture."""

import re
from datetime import UTC, datetime
from typing import get_args

from models.account import ROLES, AccountKind, Grant, Permission, Principal, Role
from models.kernel import ids


def a_principal(*grants: Grant) -> Principal:
    return Principal(
        account_id=ids.new(),
        session_id=ids.new(),
        kind=AccountKind.STAFF,
        grants=frozenset(grants),
        seen_at=datetime(2026, 11, 25, tzinfo=UTC),
    )


def test_a_permission_is_a_word_and_a_verb() -> None:
    assert all(re.fullmatch(r"[a-z]+:[a-z_]+", permission) for permission in get_args(Permission))


def test_every_role_is_in_the_table_and_every_permission_is_someones() -> None:
    assert set(ROLES) == set(Role)
    assert set(get_args(Permission)) == {permission for permissions in ROLES.values() for permission in permissions}


def test_who_has_no_grant_may_nothing() -> None:
    nobody = a_principal()

    assert not any(nobody.may(permission) for permission in get_args(Permission))
    assert nobody.departments("revisit:accept") == frozenset()


def test_a_patient_may_not_act_for_the_hospital_nor_staff_for_a_patient() -> None:
    for_patients = {"revisit:open", "revisit:act", "charge:pay", "patient:bind"}

    assert not ROLES[Role.PATIENT] & {"revisit:accept", "revisit:read_any", "record:write", "history:read", "ledger:read"}
    assert not any(ROLES[role] & for_patients for role in (Role.DOCTOR, Role.MANAGEMENT))


def test_a_grant_reaches_as_far_as_its_department() -> None:
    here = a_principal(Grant(Role.DOCTOR, "resp-1"), Grant(Role.DOCTOR, "resp-2"))
    everywhere = a_principal(Grant(Role.DOCTOR, "resp-1"), Grant(Role.DOCTOR))

    assert here.departments("revisit:accept") == {"resp-1", "resp-2"}
    assert here.departments("ledger:read") == frozenset()
    assert everywhere.departments("revisit:accept") is None
