"""The outside's pages with books that a test writes by hand: also what no sandbox would let happen."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


def _rows() -> list[Row]:
    return []


@dataclass
class Outside:
    """Six parties' books, named as the auditor's rows are; their keys are the sandbox's."""

    orders: list[Row] = field(default_factory=_rows)
    payments: list[Row] = field(default_factory=_rows)
    refunds: list[Row] = field(default_factory=_rows)
    appointments: list[Row] = field(default_factory=_rows)
    invoices: list[Row] = field(default_factory=_rows)
    settlements: list[Row] = field(default_factory=_rows)
    reversals: list[Row] = field(default_factory=_rows)
    encounters: list[Row] = field(default_factory=_rows)
    patients: list[Row] = field(default_factory=_rows)
    slots: list[Row] = field(default_factory=_rows)
    texts: list[Row] = field(default_factory=_rows)
    prescriptions: list[Row] = field(default_factory=_rows)
    prescription_lines: list[Row] = field(default_factory=_rows)
    records: list[Row] = field(default_factory=_rows)
    tasks: list[Row] = field(default_factory=_rows)
    parcels: list[Row] = field(default_factory=_rows)
    scans: list[Row] = field(default_factory=_rows)
    bills: list[Row] = field(default_factory=_rows)

    def page(self, party: str) -> dict[str, list[Row]]:
        """As the sandbox's `/books/<party>` answers."""
        match party:
            case "wechat_pay":
                return {"orders": self.orders, "payments": self.payments, "refunds": self.refunds, "notifies": []}
            case "his":
                names = ("appointments", "invoices", "encounters", "patients", "slots", "prescriptions", "prescription_lines", "records")
                money = {"settlements": _in_cash(self.settlements, "amount_fen"), "reversals": _in_cash(self.reversals, "amount_fen")}
                return {name: getattr(self, name) for name in names} | money
            case "signature":
                return {"tasks": self.tasks, "certificates": []}
            case "logistics":
                return {"orders": self.parcels, "routes": self.scans, "pushes": []}
            case "invoice":
                return {"bills": _in_cash(self.bills, "total_fen")}
            case _:
                return {"messages": self.texts}


def _in_cash(rows: list[Row], amount: str) -> list[Row]:
    """Whoever says nothing else of a sum has it all in cash."""
    return [{"fund_fen": 0, "account_fen": 0, "cash_fen": row[amount]} | row for row in rows]


@asynccontextmanager
async def serving(outside: Outside) -> AsyncGenerator[str]:
    """On a loopback port for as long as the block lasts; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
        body = json.dumps(outside.page(asked.rpartition("/")[2])).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())
