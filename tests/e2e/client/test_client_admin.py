"""The admin socket of a client, and `spore ctl` with it."""

import json
import os
import stat
import subprocess

import pytest
from harness.admin import Admin
from harness.peers import Client, spore_binary
from harness.process import Process, clean_environment
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.waiting import wait_until


@pytest.fixture
def client(server, tmp_path):
    """A client with a tunnel to an echo, `.admin`, and the `.service`."""
    admin = Admin(tmp_path / "client.sock")
    host, port = server.control
    with Echo() as service:
        argv = [spore_binary(), "local", str(service.port), "--to", f"{host}:{port}"]
        process = Process(
            [*argv, "--tunnel-name", "web", "--local-host", "127.0.0.1", *admin.flags],
            name="spore local",
        )
        with Client("spore", process) as running:
            running.admin, running.service, running.server = admin, service, server
            yield running.wait_listening()


def test_status_and_tunnels(client):
    control = "{}:{}".format(*client.server.control)
    status = client.admin.ask("status")
    assert status["role"] == "client"
    assert (status["server"], status["servers"]) == (control, [control])
    assert (status["tunnels"], status["all"], status["ready"]) == (1, 1, True)
    with connect(client.host, client.port) as visitor:
        visitor.sendall(b"hello")
        assert read_exactly(visitor, 5) == b"hello"
        assert client.admin.ask("status")["visitors"] == 1
        wait_until(lambda: client.admin.ask("tunnels")["tunnels"][0]["bytes_up"] == 5, "the bytes")
        (row,) = client.admin.ask("tunnels")["tunnels"]
    assert row == {
        "name": "web",
        "local": f"127.0.0.1:{client.service.port}",
        "public": f"{client.host}:{client.port}",
        "port": client.port,
        "state": "open",
        "server": control,
        "age_ms": row["age_ms"],
        "visitors": 1,
        "visitors_all": 1,
        "bytes_up": 5,
        "bytes_down": 5,
        "service": None,
        "service_age_ms": 0,
        "service_error": None,
        "last_error": None,
        "refused": None,
        "retry_in_ms": 0,
    }
    wait_until(lambda: client.admin.ask("status")["visitors"] == 0, "the visitor to go")
    assert client.admin.ask("status")["bytes"] == 10


def test_tables_for_people(client):
    lines = client.admin.ctl("status").splitlines()
    assert f"connected to {client.server.control[0]}:" in lines[0]
    assert any(line.startswith("tunnels") and "1 open of 1" in line for line in lines)
    head, row = client.admin.ctl("tunnels").splitlines()
    assert head.split()[:4] == ["NAME", "LOCAL", "PUBLIC", "STATE"]
    assert row.split()[0] == "web" and row.split()[3] == "open"
    assert lines[-2:] == [head, row]


def test_a_lost_server_is_told(start_server, address, tmp_path):
    admin = Admin(tmp_path / "client.sock")
    with start_server() as server:
        host, port = server.control
        argv = [spore_binary(), "local", "9", "--to", f"{host}:{port}", *admin.flags]
        client = Client("spore", Process(argv, name="spore local"))
        client.wait_listening()
    with client:
        wait_until(lambda: admin.ask("tunnels")["tunnels"][0]["last_error"], "the loss")
        status = admin.ask("status")
        assert (status["server"], status["ready"]) == (None, False)
        assert "connected to no server" in admin.ctl("status")
        assert status["each_tunnel"][0]["state"] in ("waiting to try again", "connecting")
        with start_server(control_port=port):
            wait_until(lambda: admin.ask("status")["ready"], "the tunnel to stand again")


@pytest.mark.parametrize("words", ["relays", "loops", "kick 1", "bans", "unban 127.0.0.1"])
def test_commands_of_servers_are_refused(client, words):
    said = client.admin.ctl(*words.split(), status=1)
    assert said == f"error: this is a client: only a server has the command {words.split()[0]}"


def test_log_level(client):
    assert client.admin.ctl("log-level", "debug") == "log level: debug, was info"
    client.process.wait_for("log level changed by the operator level=debug")


def test_drain(client):
    with connect(client.host, client.port) as visitor:
        visitor.sendall(b"hello")
        assert read_exactly(visitor, 5) == b"hello"
        assert client.admin.ctl("drain") == "draining, for at most 10 s"
        wait_until(lambda: client.admin.ask("status")["state"] == "draining", "the drain")
        assert client.admin.ask("tunnels")["tunnels"][0]["state"] == "ended"
        visitor.sendall(b"still")
        assert read_exactly(visitor, 5) == b"still"
    assert client.wait() == 0
    assert not client.admin.is_there()


def test_only_the_user_may_connect(client):
    mode = os.stat(client.admin.path)
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert mode.st_uid == os.geteuid()


def test_the_socket_is_in_the_runtime_directory(server, tmp_path):
    host, port = server.control
    argv = [spore_binary(), "local", "9", "--to", f"{host}:{port}"]
    process = Process(argv, name="spore local", env={"RUNTIME_DIRECTORY": str(tmp_path)})
    with Client("spore", process) as client:
        client.wait_listening()
        assert Admin(tmp_path / "admin.sock").ask("status")["role"] == "client"


def test_the_next_client_takes_the_socket_of_one_that_drains(client):
    host, port = client.server.control
    argv = [spore_binary(), "local", "9", "--to", f"{host}:{port}", *client.admin.flags]
    refused = subprocess.run(
        argv, capture_output=True, text=True, timeout=40, env=clean_environment(), check=False
    )
    assert refused.returncode == 1
    assert "is listening on it" in refused.stderr
    with connect(client.host, client.port) as visitor:
        visitor.sendall(b"hello")
        assert read_exactly(visitor, 5) == b"hello"
        client.admin.ask("drain")
        with Client("spore", Process(argv, name="spore local")) as following:
            following.wait_listening()
            assert client.admin.ask("status")["pid"] == following.pid
            visitor.sendall(b"still")
            assert read_exactly(visitor, 5) == b"still"
            visitor.close()
            assert client.wait() == 0
            assert client.admin.ask("status")["pid"] == following.pid


def test_a_check_finds_a_socket_that_cannot_be_made(server, tmp_path):
    path = tmp_path / "client.json"
    config = {
        "client": {"to": "127.0.0.1"},
        "tunnels": [{"local_port": 9}],
        "admin": {"socket": str(tmp_path / "no" / "admin.sock")},
    }
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    done = subprocess.run(
        [spore_binary(), "local", "-c", path, "--check"],
        capture_output=True,
        text=True,
        timeout=40,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 1
    assert "expected a path in a folder that exists" in done.stderr
