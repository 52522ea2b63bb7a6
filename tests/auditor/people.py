"""Who is who: a patient of ours is, by name, ID number and birth date, whom the HIS has under each card of theirs. None of it is told."""

from collections.abc import Iterator

from tests.auditor.books import Books
from tests.auditor.finding import Finding, Kind


def check(books: Books) -> Iterator[Finding]:
    """All of it. Of whom the HIS has told no card yet only the birth date can be said; of names and numbers nothing without a key."""
    cards = {one.id: one for one in books.theirs.patients}
    theirs = {(one.patient_id, one.his_patient_id) for one in books.ours.visits if one.his_patient_id}
    for patient in books.ours.left.patients:
        opened = books.opened("patient", patient.id, "name", "id_number")
        name, number = opened or (None, None)
        born, about = patient.birth_on.isoformat(), f"patient={patient.id}"
        if number is not None and number[6:14] != born.replace("-", ""):
            yield Finding(kind=Kind.PATIENT_DIFFERS, about=about, ours="another birth date", theirs="that of the ID number")
        for one in sorted({*patient.cards, *(card for whose, card in theirs if whose == patient.id)}):
            card = cards.get(one)
            if card is None:
                yield Finding(kind=Kind.PATIENT_DIFFERS, about=f"{about} card={one}", ours="a card", theirs="no such card")
                continue
            said = (name, number and number.upper(), born)
            told = (name and card.name, number and card.id_number.upper(), card.birth_on)
            if wrong := " ".join(word for word, left, right in zip(("name", "number", "birth"), said, told, strict=True) if left != right):
                yield Finding(kind=Kind.PATIENT_DIFFERS, about=f"{about} card={one}", ours=f"another {wrong}", theirs=f"another {wrong}")
