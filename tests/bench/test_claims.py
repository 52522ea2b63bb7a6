"""What slot claims are held against sells every place once, and says how many it sold."""

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.bare.claims import sold
from bench.copies import copies
from models.kernel import ids
from tests.builders import a_person
from tests.database import Server


async def test_the_bare_update_sells_each_place_once(server: Server) -> None:
    async with server.clone() as url:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        first = await sold(plain, people=60, places=40, at_once=8)
        second = await sold(plain, people=10, places=40, at_once=8)

    assert (first.granted, first.left) == (40, 0)
    assert (second.granted, second.left) == (10, 30)


async def test_a_copy_is_like_its_row_but_for_what_is_changed(db: AsyncSession) -> None:
    person, copy = await a_person(db), ids.new()

    await copies(await db.connection(), "patient", person.patient_id, [{"id": copy, "id_number_bidx": copy.bytes}])

    like = "select id_number_bidx = :bytes, name = (select name from patient where id = :first) from patient where id = :copy"
    told = await db.execute(text(like), {"bytes": copy.bytes, "first": person.patient_id, "copy": copy})
    assert tuple(told.one()) == (True, True)
