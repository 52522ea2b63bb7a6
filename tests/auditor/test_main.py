"""In a terminal: what it takes, what it says, and that no secret has to stand in the command line."""

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from tests.auditor.hospital import KEY, KEY_ID, Hospital
from tests.auditor.issuer import paper


async def audited(hospital: Hospital, *wishes: str, **environ: str) -> tuple[int | None, str]:
    """How it ended, and all that it said."""
    command = [sys.executable, "-m", "tests.auditor", "--database-url", hospital.database_url, "--sandbox-url", hospital.sandbox_url]
    known = {name: value for name, value in os.environ.items() if not name.startswith("FUZHEN_")}
    both = asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(*command, *wishes, env=known | environ, stdout=asyncio.subprocess.PIPE, stderr=both)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def stack(folder: Path, key: str = KEY) -> Path:
    """What it reads of a stack's folder."""
    (folder / "secrets").mkdir()
    (folder / "files").mkdir()
    (folder / "secrets" / "column-key").write_text(key)
    return folder


async def papers(hospital: Hospital, folder: Path) -> None:
    """Each e-bill's PDF lies in the folder of files."""
    for row in await hospital.wire.fetch("select id, number from invoice"):
        content = paper(row["number"])
        name = f"invoice/{row['id']}/{hashlib.sha256(content).hexdigest()}.pdf"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
        await hospital.do("update invoice set file = $2 where id = $1", row["id"], name)


async def test_the_key_and_the_files_are_those_of_the_stacks_folder(hospital: Hospital, tmp_path: Path) -> None:
    await hospital.visit("closed")
    data = str(stack(tmp_path))
    await papers(hospital, tmp_path / "files")
    assert await audited(hospital, "--quiet", "--data", data) == (0, "nothing differs\n")
    await hospital.do("update invoice set file = replace(file, '.pdf', 'x.pdf')")

    ended, said = await audited(hospital, "--quiet", "--data", data)

    assert (ended, said.splitlines()[0], "no such file" in said) == (1, "1 findings", True)


async def test_the_key_may_stand_in_the_environment_and_what_it_opens_not_is_told(hospital: Hospital) -> None:
    await hospital.visit("closed")
    assert await audited(hospital, "--quiet", FUZHEN_COLUMN_KEYS=json.dumps({KEY_ID: KEY})) == (0, "nothing differs\n")

    ended, said = await audited(hospital, "--quiet", FUZHEN_COLUMN_KEYS=json.dumps({KEY_ID: "00" * 16}))

    assert (ended, "content.sealed" in said) == (1, True)


async def test_without_a_key_it_says_so(hospital: Hospital, tmp_path: Path) -> None:
    ended, said = await audited(hospital)
    assert (ended, said.count("\n")) == (2, 1)
    assert "give the stack's folder with --data, or set FUZHEN_COLUMN_KEYS" in said

    ended, said = await audited(hospital, "--data", str(tmp_path))
    assert (ended, said.count("\n")) == (2, 1)
    assert f"{tmp_path / 'secrets' / 'column-key'}: No such file or directory" in said


@pytest.mark.parametrize("given", ["k1=00", "{}", '{"k1": "00"}', '{"k1": "xy"}', '{"k1": 1}', "[1]"])
async def test_what_is_no_key_is_said(hospital: Hospital, given: str) -> None:
    ended, said = await audited(hospital, FUZHEN_COLUMN_KEYS=given)

    assert (ended, said.count("\n")) == (2, 1)
    assert "must be keys of 16 bytes in hexadecimal" in said


async def test_what_is_away_is_said_in_a_sentence(hospital: Hospital, tmp_path: Path) -> None:
    """The last wish counts: nobody listens on port 1."""
    data = str(stack(tmp_path))
    for wish, address, what in (
        ("--sandbox-url", "http://127.0.0.1:1", "The outside's books cannot be read: http://127.0.0.1:1/books/wechat_pay"),
        ("--sandbox-url", "no address", "The outside's books cannot be read"),
        ("--database-url", "postgresql://nobody@127.0.0.1:1/none", "Our database cannot be read"),
        ("--database-url", hospital.database_url.rpartition("/")[0] + "/none", "Our database cannot be read"),
    ):
        ended, said = await audited(hospital, "--data", data, wish, address)

        assert (ended, said.count("\n"), what in said) == (2, 1, True), said
