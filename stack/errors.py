"""What goes wrong while a stack is started, in words for the person at the terminal."""

from pathlib import Path


class StackError(Exception):
    """The stack cannot go on; the text says what is wrong and what to do about it."""


class WalkError(StackError):
    """The demonstration met what it did not expect; the stack itself is well."""


class PartError(StackError):
    """A part did not come up, or died: its title, what happened, and the end of its own log."""

    def __init__(self, title: str, happened: str, log: Path, tail: str) -> None:
        self.title = title
        self.log = log
        quoted = "\n".join(f"    {line}" for line in tail.splitlines()) or "    (it wrote nothing)"
        self.told = f"{title} {happened}. The end of its log:\n{quoted}"
        super().__init__(f"{self.told}\n  The whole log: {log}")
