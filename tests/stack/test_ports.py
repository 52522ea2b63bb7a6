"""A taken port is told before anything is started."""

import socket

import pytest

from stack.errors import StackError
from stack.ports import HOST, Ports, free_ports, is_taken


def test_the_six_ports_follow_the_base() -> None:
    ports = Ports.from_base(8400)

    assert (ports.api, ports.sandbox, ports.temporal, ports.temporal_ui, ports.postgres, ports.worker_health) == (*range(8400, 8406),)


@pytest.mark.parametrize("base", [0, 80, 65_531, 100_000])
def test_a_base_without_room_is_refused(base: int) -> None:
    with pytest.raises(StackError, match="PORT_BASE"):
        Ports.from_base(base)


@pytest.mark.parametrize("host", [HOST, "0.0.0.0"])
def test_a_taken_port_is_told_with_who_needs_it_and_how_to_move_it(host: str) -> None:
    ports = Ports.free()
    with socket.socket() as other:
        other.bind((host, ports.temporal_ui))
        other.listen()

        with pytest.raises(StackError) as refused:
            ports.check_free()

    assert f"Port {ports.temporal_ui} on 127.0.0.1 is taken, and the Temporal UI needs it." in str(refused.value)
    assert "PORT_BASE=" in str(refused.value)


def test_a_port_whose_last_connection_still_times_out_is_free() -> None:
    port = free_ports(1)[0]
    with socket.socket() as server, socket.socket() as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((HOST, port))
        server.listen()
        client.connect((HOST, port))
        served, _ = server.accept()
        served.close()  # closed on the server's side first: this is the side that waits

    assert not is_taken(port)
