"""A hospital for each test."""

from tests.process.conftest import clock, hospital, runs

__all__ = ["clock", "hospital", "runs"]
