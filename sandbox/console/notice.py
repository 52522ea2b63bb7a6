"""What a click answers."""

from urllib.parse import urlencode

from fastapi.responses import RedirectResponse


def back(anchor: str, notice: str) -> RedirectResponse:
    """The page again, at that section and with that sentence."""
    return RedirectResponse(f"/console?{urlencode({'notice': notice})}#{anchor}", 303)
