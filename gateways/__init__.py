"""Clients of the outside world, one folder each: a port (Protocol) in `port.py`, real wire adapters beside it. No SQL, no workflow."""
