"""Whole visits over the whole stack: real wires, real processes, HTTP only. Each test makes its own patient; the stack is one a session."""

import pytest

pytest.register_assert_rewrite("tests.journeys.aftermath", "tests.journeys.people", "tests.journeys.visit")
