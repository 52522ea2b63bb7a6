"""Which processes of a stack are alive, seen from outside: by what they were started with and where they work."""

import contextlib
from pathlib import Path


def processes_of(data_dir: Path) -> dict[int, str]:
    """Every living process that was started for, or works in, this data folder."""
    found: dict[int, str] = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            if process.name.isdigit():
                command = (process / "cmdline").read_bytes()
                told = command + (process / "environ").read_bytes() + bytes((process / "cwd").readlink())
                if bytes(data_dir) in told and command:  # a process that only waits to be reaped has no command
                    found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found
