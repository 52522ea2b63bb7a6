"""The embedded stack: PostgreSQL, Temporal, the sandbox, the API and the worker on one machine, started and stopped by one command.

Nothing imports this room but tests. It knows the other rooms only as programs (`python -m api`), their settings and their health.
"""
