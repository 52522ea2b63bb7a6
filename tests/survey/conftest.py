"""The hospital of the tests of processes."""

from tests.process.conftest import clock, hospital, runs

__all__ = ["clock", "hospital", "runs"]
