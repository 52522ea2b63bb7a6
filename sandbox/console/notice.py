"""What a click answers."""

from urllib.parse import urlencode

from fastapi.responses import RedirectResponse


def back(anchor: str, notice: str, phone: str | None = None) -> RedirectResponse:
    """The page again, at that section and with that sentence; with that phone in the person's hand."""
    query = {"notice": notice} | ({"phone": phone} if phone else {})
    return RedirectResponse(f"/console?{urlencode(query)}#{anchor}", 303)
