"""A hospital for the tests of the process, with the time of theirs; the API's tests have the house's own clock."""

from tests.process.conftest import hospital, runs

__all__ = ["hospital", "runs"]
