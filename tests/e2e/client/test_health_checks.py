"""A client checks its services, and the public port of one that is down is closed."""

import contextlib
import json
import socket

import pytest

from harness.metrics import Exporter
from harness.nginx import Site
from harness.peers import bore_server, spore_client
from harness.scale import seconds
from harness.services import Echo, Inbox
from harness.sockets import connect, how_it_ends, read_exactly, read_to_end
from harness.admin import Admin
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

QUICK = {"interval": "100ms", "timeout": f"{seconds(1.5)}s", "rise": 2, "fall": 2}
HTTP = {**QUICK, "use": "http"}


@pytest.fixture
def server_admin(tmp_path):
    return Admin(tmp_path / "server.sock")


@pytest.fixture
def server(start_server, server_admin):
    with start_server(extra=server_admin.flags) as running:
        yield running


@pytest.fixture(params=["tcp", "unix"])
def site(request, address, tmp_path):
    place = f"unix:{tmp_path}/site.sock"
    if request.param == "tcp":
        place = f"{address.host}:{address.free_port()}"
    with Site(tmp_path, place) as running:
        yield running


@contextlib.contextmanager
def checked(server, folder, local, check, *flags, **sections):
    """A client whose only tunnel, "web", checks its service; `admin` is its admin socket."""
    config = folder / "client.json"
    tunnel = {"name": "web", "local": local, "check": check}
    checks = [{"use": "http"}]
    config.write_text(json.dumps({"checks": checks, **sections, "tunnels": [tunnel]}))
    admin = Admin(folder / "client.sock")
    flags = ["--config", str(config), *admin.flags, "--log-format", "json", *flags]
    with spore_client(server.control, None, extra=flags) as client:
        client.admin = admin
        client.config = config
        yield client


def get(client):
    """What the site answers a visitor; None if the port refuses it."""
    try:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return read_to_end(visitor)
    except (ConnectionRefusedError, ConnectionResetError):
        return None


def works(client):
    return b"works" in (get(client) or b"")


def is_refused(client):
    try:
        connect(client.host, client.port).close()
    except ConnectionRefusedError:
        return True
    return False


def row(admin):
    return admin.ask("tunnels")["tunnels"][0]


def lines(client, event):
    found = [json.loads(line) for line in client.process.stderr if line.startswith("{")]
    return [line for line in found if line["event"] == event]


TROUBLES = {
    "killed": (Site.kill, Site.start, None),
    "hanging": (Site.hang, Site.wake, "no reply in time"),
    "failing": (Site.spoil, Site.mend, "status 500"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_port_is_closed_while_the_service_is_down(
    server, server_admin, site, tmp_path, trouble
):
    begin, end, why = TROUBLES[trouble]
    with checked(server, tmp_path, site.place, HTTP) as client:
        wait_until(lambda: works(client), "the site")
        assert (row(client.admin)["service"], row(server_admin)["service"]) == ("up", "up")
        begin(site)
        wait_until(lambda: is_refused(client), "the port to close")
        far, near = row(server_admin), row(client.admin)
        assert far["service"] == "down, port closed"
        assert (near["service"], near["state"]) == ("down", "open")
        assert near["service_age_ms"] < 1000 * seconds(20)
        told = far["service_error"]["error"]
        assert told in near["service_error"]["error"] or told.startswith(site.place)
        if why:
            assert told == why
        # Nobody else gets the port meanwhile.
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError):
                other.bind((client.host, client.port))
        end(site)
        wait_until(lambda: works(client), "the site again")
        assert (row(client.admin)["service"], row(server_admin)["service"]) == ("up", "up")
        assert row(server_admin)["service_error"]["error"] == told
        assert [line["error"] for line in lines(client, "service down")] == [told]
        assert len(lines(client, "service up")) == 1
        assert len(client.process.stdout) == 1  # the port is the same


def test_a_connection_is_enough_without_a_plugin(server, tmp_path):
    """What the service says does not matter."""
    with Inbox() as inbox:
        with checked(server, tmp_path, f"{inbox.host}:{inbox.port}", QUICK) as client:
            with connect(client.host, client.port):
                inbox.take()
            inbox.listener.close()
            wait_until(lambda: is_refused(client), "the port to close")


def test_a_service_that_is_down_from_the_start(server, server_admin, address, tmp_path):
    """One failure is enough, since no check has succeeded yet."""
    place = f"{address.host}:{address.free_port()}"
    slow = {**HTTP, "interval": "1h", "fall": 1000}
    with checked(server, tmp_path, place, slow) as client:
        wait_until(lambda: is_refused(client), "the port to close")
        assert row(server_admin)["service_error"]["error"] == f"{place}: Connection refused"


def test_visitors_that_are_there_stay(server, tmp_path):
    with Inbox() as inbox:
        with checked(server, tmp_path, f"{inbox.host}:{inbox.port}", QUICK) as client:
            with connect(client.host, client.port) as visitor:
                visitor.sendall(b"here")
                while True:  # the checks connect, too
                    far = inbox.take()
                    far.settimeout(seconds(0.2))
                    with contextlib.suppress(TimeoutError):
                        if far.recv(4) == b"here":
                            break
                inbox.listener.close()
                wait_until(lambda: is_refused(client), "the port to close")
                far.sendall(b"still")
                assert read_exactly(visitor, 5) == b"still"


def test_a_port_that_stays_open(server, server_admin, address, tmp_path):
    """With "leave" the server is only told, and visitors see what they see without checks."""
    place = f"{address.host}:{address.free_port()}"
    with checked(server, tmp_path, place, {**QUICK, "when_down": "leave"}) as client:
        wait_until(lambda: row(server_admin)["service"] == "down", "the server to hear of it")
        with connect(client.host, client.port) as visitor:
            assert how_it_ends(visitor) == (b"", "end")


def test_a_server_that_cannot_close_the_port(address, tmp_path):
    """bore's server reads no Ready. So the client ends the tunnel, and opens it again."""
    with bore_server(address) as server, Site(tmp_path, f"{address.host}:8080") as site:
        with checked(server, tmp_path, site.place, HTTP) as client:
            wait_until(lambda: works(client), "the site")
            site.kill()
            wait_until(lambda: is_refused(client), "the port to close", timeout=20)
            assert row(client.admin)["state"] == "closed: its service is down"
            assert len(lines(client, "service down")) == 1
            site.start()
            wait_until(lambda: works(client), "the site again")
            assert len(client.process.stdout) == 1  # at the same port


def test_a_reload_changes_the_checks(server, server_admin, address, tmp_path):
    place = f"{address.host}:{address.free_port()}"
    with checked(server, tmp_path, place, QUICK) as client:

        def use(check):
            config = json.loads(client.config.read_text())
            config["tunnels"][0].pop("check", None)
            config["tunnels"][0].update({} if check is None else {"check": check})
            client.config.write_text(json.dumps(config))
            answer = client.admin.ask("reload")
            assert "error" not in answer, answer

        wait_until(lambda: is_refused(client), "the port to close")
        use({**QUICK, "when_down": "leave"})
        wait_until(lambda: row(server_admin)["service"] == "down", "the port to open")
        assert not is_refused(client)
        use(QUICK)
        wait_until(lambda: is_refused(client), "the port to close again")
        use(None)
        wait_until(lambda: row(server_admin)["service"] == "up", "the check to end")
        assert not is_refused(client)
        assert row(client.admin)["service"] is None
        use(QUICK)
        wait_until(lambda: is_refused(client), "the new check")
        with Echo(address.host, int(place.rpartition(":")[2])):
            wait_until(lambda: not is_refused(client), "the service")


def test_metrics(start_server, server_admin, address, tmp_path):
    place = f"{address.host}:{address.free_port()}"
    there, here = address.free_port(), address.free_port()

    def exporter(port):
        return {"metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}]}

    path = tmp_path / "server.json"
    path.write_text(json.dumps(exporter(there)))
    with start_server(extra=["--config", str(path), *server_admin.flags]) as server:
        with checked(server, tmp_path, place, QUICK, **exporter(here)):
            far, near = Exporter(address.host, there), Exporter(address.host, here)

            def shown():
                up = near.value("spore_client_service_up", tunnel="web")
                return far.value("spore_tunnels_service_down"), up

            wait_until(lambda: shown() == (1, 0), "a service that is down")
            with Echo(address.host, int(place.rpartition(":")[2])):
                wait_until(lambda: shown() == (0, 1), "a service that is up")


def test_what_a_client_may_say(server, server_admin):
    """A raw client. What is not understood is skipped; a new tunnel is ready."""
    with Wire.connect(server.control) as wire:
        wire.send({"Hello": 0})
        port = wire.receive_but_heartbeats()["Hello"]
        wire.send({"Extend": {"heartbeat_ms": 4000}})
        assert wire.receive_but_heartbeats()["Extended"]["offers"] & 16

        def state():
            return row(server_admin)["service"]

        assert state() == "up"
        wire.send({"Ready": {"ready": False, "close": True, "why": "\x1b[31m"}})
        wait_until(lambda: state() == "down, port closed", "the port to close")
        wire.send({"Ready": {"ready": False}})
        wait_until(lambda: state() == "down", "the port to open")
        connect(server.public_host, port).close()
        wire.send({"Ready": 5}, {"Ready": {"ready": "x"}}, {"Ready": {"ready": True}})
        wait_until(lambda: state() == "up", "the service")
        for _ in range(200):  # no line of the log for each
            wire.send({"Ready": {"ready": False, "close": True}}, {"Ready": {"ready": True}})
        wire.send({"Ready": {"ready": False}})  # none of those before leads to this state
        wait_until(lambda: state() == "down", "the last word")
        connect(server.public_host, port).close()
        said = [line for line in server.process.stderr if "the client's service" in line]
        assert 0 < len(said) < 100
        assert "\x1b" not in "".join(said)
        wire.send({"Ready": {"ready": False, "close": True}})
        wait_until(lambda: state() == "down, port closed", "the port to close")
    wait_until(lambda: not server_admin.ask("tunnels")["tunnels"], "the end of the tunnel")
    with Tunnel(server, port=port) as tunnel:  # its port is free for the next one
        assert tunnel.port == port
        assert row(server_admin)["service"] == "up"
        connect(server.public_host, port).close()
