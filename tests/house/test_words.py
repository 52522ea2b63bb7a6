"""One small vocabulary names everything; a new word is a decision, taken in docs/words.md first.

That page has tables `| word | 中文 | what |`; the first column, in backticks or plain, is the vocabulary.
"""

import re

from tests.house.rooms import HOUSE, sources

ROOMS = ("models", "api", "activities", "workflows", "gateways")
# What a file is in the building, not in the hospital.
STRUCTURE = {
    *(
        "main",
        "app",
        "settings",
        "wiring",
        "process",
        "steps",
        "runs",
        "pathways",
        "act",
        "webhook",
        "webhooks",
        "events",
        "live",
        "health",
    ),
    *("idempotency", "intent", "cursor", "logs", "problems", "sentences", "security", "database", "table", "tables", "inbox", "outbox"),
    *("kernel", "clock", "errors", "ids", "money", "text", "vault", "password", "phone"),
    *("port", "wire", "account", "inbound", "signing", "transaction", "resources", "rest", "names"),
}
# What the outside world calls itself and its things, in gateways and webhooks.
WIRES = {"fhir", "encounter", "wechat", "pay", "v3", "aliyun", "acs3", "sf", "bosssoft"}
WORD = re.compile(r"^\|\s*`?([a-z][a-z0-9_ ]*)`?\s*\|", re.MULTILINE)


def test_every_file_is_named_in_the_words_of_the_house() -> None:
    words = (
        STRUCTURE
        | WIRES
        | {part for row in WORD.findall((HOUSE / "docs" / "words.md").read_text(encoding="utf-8")) for part in re.split(r"[ _]+", row)}
    )

    foreign = [
        f"{source.name}: {part}"
        for source in sources(*ROOMS)
        for part in source.path.stem.strip("_").split("_")
        if source.path.stem != "__init__" and part not in words and part.removesuffix("s") not in words
    ]

    assert not foreign, "use a word of docs/words.md, or add one there with its meaning"
