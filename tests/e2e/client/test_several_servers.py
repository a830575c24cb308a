"""A client that knows several servers uses the first that answers, and may return to the first."""

import contextlib
import json
import re
import time

import pytest

from harness.fake_server import FakeServer
from harness.loopback import Loopback, free_port
from harness.metrics import Exporter
from harness.network import FarNetwork
from harness.peers import bore_server, end, spore_binary, spore_server
from harness.process import Process
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, listen, read_exactly
from harness.waiting import wait_until


@pytest.fixture
def second():
    """The address of a second server."""
    with Loopback() as leased:
        yield leased


def name_of(server):
    return ":".join(map(str, server.control))


@contextlib.contextmanager
def client_of(to, service, folder, *flags, tunnels=1, **options):
    path = folder / "client.json"
    each = [{"name": f"t{i}", "local": f"127.0.0.1:{service.port}"} for i in range(tunnels)]
    path.write_text(json.dumps({"client": {"to": to, **options}, "tunnels": each}))
    path.chmod(0o600)
    with Process([spore_binary(), "local", "--config", path, *flags], name="spore local") as client:
        yield client


def echo(host, port):
    with connect(host, int(port)) as visitor:
        visitor.sendall(b"hello")
        assert read_exactly(visitor, 5) == b"hello"


def stands_at(process, server, times=1, tunnel="t0"):
    """Waits for the tunnel there; returns its public port."""
    line = rf"connected to server tunnel={tunnel} remote_port=(\d+) server={name_of(server)}$"
    return int(process.wait_for(line, times=times).group(1))


def test_the_first_that_answers_is_used(server, second, tmp_path):
    """A server that is not there is passed over, without `retry`, and a line says so."""
    closed = f"{second.host}:{second.free_port()}"
    with Echo() as service, client_of([closed, name_of(server)], service, tmp_path) as client:
        port = stands_at(client, server)
        echo(server.public_host, port)
        client.wait_for(
            rf"trying the next server tunnel=t0 error=.*could not connect to {closed}.* "
            rf"server={closed} next={name_of(server)}$"
        )
        host = server.control[0]
        client.wait_for(rf"^listening at {re.escape(host)}:{port}$", stream="stdout")


def test_none_of_them_answers(second, tmp_path):
    """Without `retry` the client ends after it has tried each once."""
    closed = [f"{second.host}:{second.free_port()}" for _ in range(3)]
    with Echo() as service, client_of(closed, service, tmp_path) as client:
        assert client.wait(10) == 1
        tried = [line for line in client.stderr if "trying the next server" in line]
        assert [closed[i] in tried[i] for i in range(2)] == [True, True], client.stderr
        assert len(tried) == 2
        assert any("tunnel ended" in line and closed[2] in line for line in client.stderr)


def test_a_wrong_secret_is_not_tried_at_the_next_server(start_server, second, tmp_path):
    with start_server(secret="right") as first, spore_server(second) as other, Echo() as service:
        to = [name_of(first), name_of(other)]
        with client_of(to, service, tmp_path, "--secret=wrong") as client:
            assert client.wait(10) == 3
            assert not any("next server" in line for line in client.stderr), client.stderr


def test_a_black_hole_costs_less_than_five_seconds(server, tmp_path):
    """The first server's host answers nothing at all."""
    with FarNetwork() as network, Echo() as service:
        network.cut()
        began = time.monotonic()
        with client_of([f"{network.there}:7835", name_of(server)], service, tmp_path) as client:
            port = stands_at(client, server)
            assert time.monotonic() - began < seconds(5)
            echo(server.public_host, port)


def test_a_server_that_is_lost_is_replaced(start_server, second, tmp_path):
    """All tunnels find the next one, their visitors come there, and the metrics say where."""
    metrics = free_port("127.0.0.1")
    exporter = Exporter("127.0.0.1", metrics)
    with contextlib.ExitStack() as held, Echo() as service:
        first = held.enter_context(start_server())
        other = held.enter_context(spore_server(second))
        to = [name_of(first), name_of(other)]
        flags = [f"--metrics-port={metrics}", "--ahead=1"]
        with client_of(to, service, tmp_path, *flags, tunnels=3) as client:
            for i in range(3):
                stands_at(client, first, tunnel=f"t{i}")
            first.process_was_ended = True
            end(first.process, "spore")
            ports = [stands_at(client, other, tunnel=f"t{i}") for i in range(3)]
            for port in ports:
                echo(other.public_host, port)
            tunnels = "spore_client_server_tunnels"
            wait_until(lambda: exporter.value(tunnels, server=to[1]) == 3, "three tunnels there")
            assert exporter.value(tunnels, server=to[0]) == 0


def test_the_first_is_preferred(address, second, tmp_path):
    """The client returns once it answers. A visitor of the second server stays."""
    control = address.free_port()
    with contextlib.ExitStack() as held, Echo() as service:
        other = held.enter_context(spore_server(second))
        to = [f"{address.host}:{control}", name_of(other)]
        with client_of(to, service, tmp_path, prefer_first=True, tunnels=2) as client:
            port = [stands_at(client, other, tunnel=f"t{i}") for i in range(2)][0]
            visitor = held.enter_context(connect(other.public_host, port))
            visitor.sendall(b"one")
            assert read_exactly(visitor, 3) == b"one"
            first = held.enter_context(spore_server(address, control_port=control))
            ports = [stands_at(client, first, tunnel=f"t{i}") for i in range(2)]
            client.wait_for(r"the first server answers again: the tunnel is back tunnel=t0$")
            for each in ports:
                echo(first.public_host, each)
            visitor.sendall(b"two")
            assert read_exactly(visitor, 3) == b"two"


def test_a_server_of_bore_is_left_for_the_first(address, second, tmp_path):
    """bore's server reads no Moved: the client closes the old connection after a while."""
    with contextlib.ExitStack() as held, Echo() as service:
        other = held.enter_context(bore_server(second))
        control = address.free_port()
        to = [f"{address.host}:{control}", name_of(other)]
        with client_of(to, service, tmp_path, prefer_first=True, answer_timeout="1s") as client:
            echo(other.public_host, stands_at(client, other))
            first = held.enter_context(spore_server(address, control_port=control))
            echo(first.public_host, stands_at(client, first))


def test_a_port_that_is_taken_at_the_first(address, second, tmp_path):
    """The tunnel returns all the same, and gets another port."""
    control = address.free_port()
    with contextlib.ExitStack() as held, Echo() as service:
        other = held.enter_context(spore_server(second))
        to = [f"{address.host}:{control}", name_of(other)]
        with client_of(to, service, tmp_path, prefer_first=True) as client:
            port = stands_at(client, other)
            held.enter_context(listen(address.host, port))
            first = held.enter_context(spore_server(address, control_port=control))
            line = rf"connected to server tunnel=t0 remote_port=(\d+) server={name_of(first)}$"
            returned = int(client.wait_for(line, timeout=45).group(1))
            assert returned != port
            echo(first.public_host, returned)


def test_the_second_keeps_the_tunnel_while_the_first_only_accepts(address, second, tmp_path):
    """A look that comes to nothing changes nothing."""
    with contextlib.ExitStack() as held, Echo() as service:
        other = held.enter_context(spore_server(second))
        control = address.free_port()
        to = [f"{address.host}:{control}", name_of(other)]
        with client_of(to, service, tmp_path, prefer_first=True) as client:
            port = stands_at(client, other)
            silent = held.enter_context(FakeServer(address.host, control))
            silent.next_wire(timeout=15).close()
            silent.next_wire(timeout=15)
            echo(other.public_host, port)
            assert sum("connected to server" in line for line in client.stderr) == 1


def test_a_flag_with_two_servers(server):
    with Echo() as service:
        argv = [
            spore_binary(),
            "local",
            str(service.port),
            "--to",
            f"127.0.0.1:1,{name_of(server)}",
        ]
        with Process(argv + ["--local-host", "127.0.0.1"], name="spore local") as process:
            line = rf"remote_port=(\d+) server={name_of(server)}$"
            echo(server.public_host, process.wait_for(line).group(1))
