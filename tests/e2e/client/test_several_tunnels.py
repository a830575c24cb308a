"""A client with several tunnels: one that cannot stand does not end the others."""

import contextlib
import json

from harness.peers import Client, spore_binary
from harness.process import Process
from harness.services import Echo
from harness.sockets import connect, listen, read_exactly


@contextlib.contextmanager
def client_of(tunnels, server, folder):
    host, port = server.control
    path = folder / "client.json"
    path.write_text(json.dumps({"client": {"to": f"{host}:{port}"}, "tunnels": tunnels}))
    path.chmod(0o600)
    process = Process([spore_binary(), "local", "--config", path], name="spore local")
    with Client("spore", process) as client:
        yield client


def test_a_refused_tunnel_leaves_the_others(server, address, tmp_path):
    taken = address.free_port()
    with listen(address.host, taken), Echo() as service:
        tunnels = [
            {"name": "taken", "local": f"127.0.0.1:{service.port}", "port": taken},
            {"name": "free", "local": f"127.0.0.1:{service.port}"},
        ]
        with client_of(tunnels, server, tmp_path) as client:
            client.process.wait_for(r"tunnel ended tunnel=taken")
            client.wait_listening()
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"hello")
                assert read_exactly(visitor, 5) == b"hello"


def test_the_last_tunnel_ends_the_client(server, address, tmp_path):
    ports = [address.free_port() for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(listen(address.host, port))
        tunnels = [{"local": "127.0.0.1:9", "port": port} for port in ports]
        with client_of(tunnels, server, tmp_path) as client:
            assert client.wait() == 4
            said = client.process.log()
    assert said.count("tunnel ended") == 2


def test_a_client_without_a_server_does_not_fill_the_log(address, tmp_path):
    """Attempts come every second; the 3rd, 5th, 6th, 7th have no line."""
    path = tmp_path / "client.json"
    path.write_text(
        json.dumps(
            {
                "client": {"to": f"{address.host}:{address.free_port()}", "retry": True},
                "tunnels": [{"local": "127.0.0.1:9"}],
            }
        )
    )
    path.chmod(0o600)
    process = Process([spore_binary(), "local", "--config", path], name="spore local")
    with Client("spore", process) as client:
        client.process.wait_for(r"tunnel lost, trying again .*tries=8", timeout=30)
        lines = [line for line in client.process.stderr if "trying again" in line]
        assert [line.rpartition("tries=")[2] for line in lines] == ["1", "2", "4", "8"]
