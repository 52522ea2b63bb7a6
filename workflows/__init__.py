"""Deterministic processes. A workflow awaits what comes next and does one step; it knows no wire, no SQL and no clock."""
