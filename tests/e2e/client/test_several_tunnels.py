"""A client with several tunnels: one that cannot stand does not end the others, and waits for its
chance; a wrong secret is tried once."""

import contextlib
import json
import signal

from harness.loopback import free_port
from harness.metrics import Exporter
from harness.peers import Client, spore_binary
from harness.process import Process, run
from harness.services import Echo
from harness.sockets import connect, listen, read_exactly
from harness.waiting import wait_until
from harness.wire import Tunnel


@contextlib.contextmanager
def client_of(tunnels, server, folder, *flags):
    host, port = server.control
    path = folder / "client.json"
    path.write_text(json.dumps({"client": {"to": f"{host}:{port}"}, "tunnels": tunnels}))
    path.chmod(0o600)
    process = Process([spore_binary(), "local", "--config", path, *flags], name="spore local")
    with Client("spore", process) as client:
        yield client


def test_a_refused_tunnel_leaves_the_others(server, address, tmp_path):
    """It is tried again, without `retry`, and stands once its port is free."""
    taken, metrics = address.free_port(), free_port("127.0.0.1")
    exporter = Exporter("127.0.0.1", metrics)
    with contextlib.ExitStack() as held, Echo() as service:
        held.enter_context(listen(address.host, taken))
        tunnels = [
            {"name": "taken", "local": f"127.0.0.1:{service.port}", "port": taken},
            {"name": "free", "local": f"127.0.0.1:{service.port}"},
        ]
        with client_of(tunnels, server, tmp_path, f"--metrics-port={metrics}") as client:
            client.process.wait_for(r"no tunnel yet, trying again tunnel=taken")
            client.wait_listening()
            why = "not ready: 1 of 2 tunnels open; not open: taken\n"
            wait_until(lambda: exporter.get("/readyz")[::2] == (503, why), "the reason")
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"hello")
                assert read_exactly(visitor, 5) == b"hello"
            held.close()
            client.process.wait_for(rf"connected to server tunnel=taken remote_port={taken}")
            wait_until(lambda: exporter.get("/readyz")[0] == 200, "the client to be ready")


def test_a_tunnel_above_a_limit_stands_once_another_has_left(start_server, tmp_path):
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"limits": {"max_tunnels": 2}}))
    with start_server(extra=["--config", str(path)]) as server, Tunnel(server) as other:
        tunnels = [{"name": name, "local": "127.0.0.1:9"} for name in ("first", "second")]
        with client_of(tunnels, server, tmp_path) as client:
            late = client.process.wait_for(r"trying again tunnel=(\S+) .*too many tunnels").group(1)
            other.wire.close()
            client.process.wait_for(f"connected to server tunnel={late} ")


def test_a_wrong_secret_is_tried_once(secret_server, tmp_path):
    """However many tunnels there are. So restarts of the client do not get it banned."""
    tunnels = [{"local": f"127.0.0.1:{port}"} for port in range(1, 9)]
    with client_of(tunnels, secret_server, tmp_path, "--secret", "wrong") as client:
        assert client.wait() == 3
        assert client.process.log().count("tunnel ended") == 8
    tries = [line for line in secret_server.process.stderr if "invalid secret" in line]
    assert len(tries) == 1, tries
    right = client_of(tunnels, secret_server, tmp_path, "--secret", secret_server.secret)
    with right as client:
        client.process.wait_for("connected to server", times=8)


def test_a_secret_that_was_replaced_bans_nobody(configured_server, tmp_path):
    """All tunnels are ended at once, and one of them tries whether the old secret still counts."""
    secrets = tmp_path / "secrets"
    secrets.write_text("alice:old\n")
    config = {
        "auth": [{"use": "multi_secret", "secrets_file": "secrets"}],
        "limits": {"ban_after": 3, "ban_exempt": []},
    }
    tunnels = [{"local": f"127.0.0.1:{port}"} for port in range(1, 9)]
    with configured_server(config=config) as server:
        with client_of(tunnels, server, tmp_path, "--secret", "old") as client:
            client.process.wait_for("connected to server", times=8)
            secrets.write_text("alice:new\n")
            server.process.signal(signal.SIGHUP)
            assert client.wait() == 3
            assert client.process.log().count("access was revoked") == 8
        tries = [line for line in server.process.stderr if "invalid secret" in line]
        assert len(tries) == 1, tries


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
        client.process.wait_for(r"no tunnel yet, trying again .*tries=8", timeout=30)
        lines = [line for line in client.process.stderr if "trying again" in line]
        assert [line.rpartition("tries=")[2] for line in lines] == ["1", "2", "4", "8"]


def test_a_kicked_tunnel_stays_away(start_server, tmp_path):
    """The others go on, and the client says which one is missing. It ends with its last tunnel."""
    socket, metrics = str(tmp_path / "admin.sock"), free_port("127.0.0.1")
    tunnels = [{"name": name, "local": "127.0.0.1:9"} for name in ("one", "two")]

    def kick(name):
        port = client.process.wait_for(rf"connected to server tunnel={name} remote_port=(\d+)")[1]
        kicked = run([spore_binary(), "ctl", "kick", f"port={port}", "--socket", socket])
        assert kicked.status == 0
        client.process.wait_for(f"tunnel ended tunnel={name} ")

    with start_server(extra=["--admin-socket", socket]) as server:
        with client_of(tunnels, server, tmp_path, "--retry", f"--metrics-port={metrics}") as client:
            exporter = Exporter("127.0.0.1", metrics)
            client.process.wait_for("connected to server tunnel=two ")
            kick("one")
            why = "not ready: 1 of 2 tunnels open; not open: one\n"
            wait_until(lambda: exporter.get("/readyz")[::2] == (503, why), "the reason")
            assert client.process.running
            kick("two")
            assert client.wait() == 1


def test_several_ports_on_the_command_line(server):
    """Each has a public port of its own, and its own service."""
    host, port = server.control
    with Echo() as first, Echo() as second:
        argv = [spore_binary(), "local", str(first.port), f"{second.port}-{second.port}"]
        argv += ["--to", f"{host}:{port}", "--local-host", "127.0.0.1"]
        with Process(argv, name="spore local") as process:
            for service in (first, second):
                line = rf"connected to server tunnel=127.0.0.1:{service.port} remote_port=(\d+)"
                public = int(process.wait_for(line).group(1))
                with connect(server.public_host, public) as visitor:
                    visitor.sendall(b"hello")
                    assert read_exactly(visitor, 5) == b"hello"
                wait_until(lambda service=service: service.accepted == 1, "one visitor for each")
