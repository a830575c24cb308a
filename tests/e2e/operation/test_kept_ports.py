"""Public ports stay open while a service restarts: the service manager keeps their sockets, and the
next process gives each to the client that shows its ticket."""

import json
import re
import time
import uuid

import pytest

from harness.arrivals import Arrivals
from harness.loopback import Loopback, port_is_free
from harness.peers import spore_binary, spore_client
from harness.process import Process
from harness.scale import count
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.store import Store
from harness.tls.certificates import Authority
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

LEAVING, TICKET = 2, 16
IN_USE = {"Error": "port already in use"}
NAME = re.compile("tunnel-1-[0-9a-f]{32}")


class Service:
    """A server that a manager starts again and again."""

    def __init__(self, folder, address, bind_tunnels=None, **sections):
        self.public_host, self.secret = address.host, None
        self.control = (address.host, address.free_port())
        self.store = Store(folder, self.control)
        self.process = None
        config = {
            "server": {
                "bind_addr": address.host,
                "control_port": self.control[1],
                "drain_grace": "200ms",
                **({"bind_tunnels": bind_tunnels} if bind_tunnels else {}),
            },
            **sections,
        }
        self._path = folder / "service.json"
        self._path.write_text(json.dumps(config))

    def change(self, key, value):
        """A key of "server", for the next start."""
        config = json.loads(self._path.read_text())
        config["server"][key] = value
        self._path.write_text(json.dumps(config))

    def change_section(self, name, change, default=None):
        """The same for a section."""
        config = json.loads(self._path.read_text())
        change(config.setdefault(name, default))
        self._path.write_text(json.dumps(config))

    def __enter__(self):
        self.store.__enter__()
        self.start()
        return self

    def __exit__(self, *_):
        self.process.close()
        self.store.__exit__()

    def start(self):
        self.process = Process(
            [spore_binary(), "server", "--config", self._path],
            env=self.store.env,
            within=self.store.within,
        )
        self.process.wait_for("server listening")

    def begin_stop(self):
        self.process.terminate()

    def end_stop(self):
        assert self.process.wait() == 0, self.process.log()

    def restart(self):
        self.begin_stop()
        self.end_stop()
        self.start()


@pytest.fixture
def service(tmp_path, address):
    with Service(tmp_path, address) as made:
        yield made


def leave(service, tunnel):
    """The server's end begins; returns the client's ticket."""
    tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": LEAVING | TICKET}})
    assert "Extended" in tunnel.wire.receive_but_heartbeats()
    service.begin_stop()
    ticket = tunnel.wire.receive_but_heartbeats()["Ticket"]
    assert tunnel.wire.receive_but_heartbeats() == "Leaving"
    return ticket


def ask(service, port, ticket, authenticate=None):
    """Shows the ticket. Returns the connection and the server's answer."""
    wire = Wire.connect(service.control)
    if authenticate:
        wire.authenticate(authenticate)
    wire.send({"HelloEx": {"port": port, "ticket": ticket}})
    return wire, wire.receive_but_heartbeats()


def refuses(host, port):
    try:
        connect(host, port).close()
    except ConnectionRefusedError:
        return True
    return False


# ---- what clients and visitors see


@pytest.mark.parametrize("way", ["clear", "tls", "no lanes"])
def test_no_visitor_is_refused(tmp_path, address, way):
    """Also those who come while no server runs. The port stays the same."""
    extra, sections = [], {}
    if way == "tls":
        authority = Authority(tmp_path)
        certificate = authority.issue(f"IP:{address.host}")
        sections["transport"] = [
            {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
        ]
        extra = ["--tls", "--cacertfile", str(authority.path)]
    elif way == "no lanes":
        sections["limits"] = {"max_ahead_per_tunnel": 0}
    with Service(tmp_path, address, **sections) as service, Echo() as echo:
        with spore_client(
            service.control, echo.port, extra=extra, local_host=address.host
        ) as client:
            port = client.port
            with Arrivals(address.host, port, every=1 / count(200)):
                for _ in range(3):
                    time.sleep(0.3)
                    service.begin_stop()
                    service.end_stop()
                    time.sleep(0.3)
                    service.start()
                    service.process.wait_for(rf"new client .*port={port}\b")
            assert len(client.process.stdout) == 1, client.process.stdout
            assert not service.store.kept


def test_a_client_that_restarts_too(service, address, tmp_path):
    """It leaves its ticket to its next process, for one time."""
    folder = tmp_path / "run"
    folder.mkdir()
    options = {"port": address.free_port(), "env": {"RUNTIME_DIRECTORY": str(folder)}}
    with Echo() as echo:
        with spore_client(service.control, echo.port, **options) as client:
            assert one_exchange(service.public_host, client.port) == b"ping"
            service.begin_stop()
            client.process.wait_for("the server is going away")
            service.end_stop()
        assert (folder / "tickets").stat().st_mode & 0o777 == 0o600
        service.start()
        with spore_client(service.control, echo.port, **options) as client:
            assert client.port == options["port"]
            assert one_exchange(service.public_host, client.port) == b"ping"
            assert not (folder / "tickets").exists()
        assert not (folder / "tickets").exists()


def test_memory_of_a_manager_is_not_used_up(service):
    """After a restart the manager keeps no socket, and the server has none that nobody uses."""
    for _ in range(3):
        with Tunnel(service) as tunnel:
            ticket = leave(service, tunnel)
            service.end_stop()
        assert len(service.store.kept) == 1
        service.start()
        wait_until(lambda: not service.store.kept, "the manager to drop the socket")
        wire, answer = ask(service, tunnel.port, ticket)
        assert answer == {"Hello": tunnel.port}
        wire.close()
        wait_until(lambda: port_is_free(service.public_host, tunnel.port), "the port to close")


def test_visitors_wait_for_their_client(service):
    """In the kernel's queue, from the end of one process to the client's return to the next."""
    with Tunnel(service) as tunnel:
        ticket = leave(service, tunnel)
        service.end_stop()
    early = connect(service.public_host, tunnel.port)
    service.start()
    late = connect(service.public_host, tunnel.port)
    early.sendall(b"early")
    late.sendall(b"later")
    wire, answer = ask(service, tunnel.port, ticket)
    assert answer == {"Hello": tunnel.port}
    for visitor, text in ((early, b"early"), (late, b"later")):
        with visitor, Wire.connect(service.control) as data:
            assert read_exactly(data.accept(wire.connection()), 5) == text
    wire.close()


def test_a_start_that_fails(service, tmp_path):
    """The manager keeps the sockets for the next try."""
    with Tunnel(service) as tunnel:
        ticket = leave(service, tunnel)
        service.end_stop()
    path = tmp_path / "service.json"
    good = path.read_text()
    for bad in (good[:-1], good.replace(str(service.control[1]), "1")):
        path.write_text(bad)
        with pytest.raises(AssertionError, match="the output ended"):
            service.start()
        assert len(service.store.kept) == 1
    path.write_text(good)
    service.start()
    wire, answer = ask(service, tunnel.port, ticket)
    assert answer == {"Hello": tunnel.port}
    wire.close()


# ---- who gets a port


def test_the_port_is_only_for_the_ticket(service):
    """Not for one who asks without it, with another one, or with one that was used."""
    with Tunnel(service) as tunnel, Tunnel(service) as other:
        ticket = leave(service, tunnel)
        service.end_stop()
    service.start()
    wire = Wire.connect(service.control)
    wire.send({"Hello": tunnel.port})
    assert wire.receive_but_heartbeats() == IN_USE
    service.process.wait_for(
        "client refused .*port already in use: it waits for the client that had it before"
    )
    assert ask(service, tunnel.port, str(uuid.uuid4()))[1] == IN_USE
    assert ask(service, tunnel.port, "00000000-0000-0000-0000-000000000000")[1] == IN_USE
    wire, answer = ask(service, other.port, ticket)
    assert answer == {"Hello": other.port}, "its own port is not kept: nobody else wants it"
    wire.close()
    kept, answer = ask(service, tunnel.port, ticket)
    assert answer == {"Hello": tunnel.port}
    assert ask(service, tunnel.port, ticket)[1] == IN_USE
    kept.close()


def test_a_stolen_ticket_is_useless(tmp_path, address):
    """Without the secret, and also with that of another client."""
    secrets = {"alice": "s3cret of alice", "bob": "s3cret of bob"}
    auth = [{"use": "multi_secret", "secrets": secrets}]
    with Service(tmp_path, address, auth=auth) as service:
        service.secret = secrets["alice"]
        with Tunnel(service) as tunnel:
            ticket = leave(service, tunnel)
            service.end_stop()
        assert ticket not in "".join(service.store.kept), "the manager does not learn it"
        assert ticket not in service.process.log()
        service.start()
        wire = Wire.connect(service.control)
        assert "Challenge" in wire.receive()
        wire.send({"HelloEx": {"port": tunnel.port, "ticket": ticket}})
        assert "Error" in wire.receive_but_heartbeats()
        assert ask(service, tunnel.port, ticket, secrets["bob"])[1] == IN_USE
        wire, answer = ask(service, tunnel.port, ticket, secrets["alice"])
        assert answer == {"Hello": tunnel.port}
        wire.close()


def test_a_port_that_is_not_allowed_any_more(service):
    """The ticket does not overrule the configuration."""
    with Tunnel(service) as tunnel:
        ticket = leave(service, tunnel)
        service.end_stop()
    service.change("reserved_ports", [str(tunnel.port)])
    service.start()
    wire, answer = ask(service, tunnel.port, ticket)
    assert "Error" in answer and answer != IN_USE
    wire.close()
    wait_until(lambda: port_is_free(service.public_host, tunnel.port), "the port to close")


# ---- ports at several addresses


@pytest.fixture
def both(address):
    """Two addresses, of which the first is that of the control port."""
    with Loopback() as other:
        yield [address.host, other.host]


@pytest.fixture
def service_at_both(tmp_path, address, both):
    with Service(tmp_path, address, bind_tunnels=both) as made:
        yield made


def test_visitors_at_both_addresses(service_at_both, both):
    """None is refused, and the manager keeps a socket for each address."""
    service = service_at_both
    with Echo() as echo, spore_client(service.control, echo.port) as client:
        first = Arrivals(both[0], client.port, every=1 / count(100))
        second = Arrivals(both[1], client.port, every=1 / count(100))
        with first, second:
            for _ in range(2):
                time.sleep(0.3)
                service.begin_stop()
                service.end_stop()
                assert [len(fds) for fds in service.store.kept.values()] == [2]
                time.sleep(0.3)
                service.start()
                service.process.wait_for(rf"new client .*port={client.port}\b")


def test_both_sockets_are_one_port(service_at_both, both):
    """The ticket takes both, in any order; a visitor waits at each. They close together."""
    service = service_at_both
    with Tunnel(service) as tunnel:
        ticket = leave(service, tunnel)
        service.end_stop()
    for fds in service.store.kept.values():
        fds.reverse()
    visitors = [connect(host, tunnel.port) for host in both]
    service.start()
    service.process.wait_for(r"public ports wait for their clients ports=1\b")
    wire, answer = ask(service, tunnel.port, ticket)
    assert answer == {"Hello": tunnel.port}
    for visitor in visitors:
        visitor.sendall(b"early")
    for _ in visitors:
        with Wire.connect(service.control) as data:
            assert read_exactly(data.accept(wire.connection()), 5) == b"early"
    for visitor in visitors:
        visitor.close()
    wire.close()
    for host in both:
        wait_until(lambda: port_is_free(host, tunnel.port), "the port to close")


@pytest.mark.parametrize("what", ["one fewer", "another", "one more"])
def test_other_addresses_than_before(tmp_path, address, both, what):
    """The port is closed before the start is over. Its client gets it at the new addresses."""
    with Loopback() as third:
        after = {"one fewer": both[:1], "another": [both[0], third.host]}
        with Service(tmp_path, address, bind_tunnels=both) as service:
            with Tunnel(service) as tunnel:
                ticket = leave(service, tunnel)
                service.end_stop()
            new = after.get(what, [*both, third.host])
            service.change("bind_tunnels", new)
            service.start()
            service.process.wait_for(
                "public ports closed: they are not at the addresses of server.bind_tunnels"
            )
            for host in both:
                wait_until(lambda: port_is_free(host, tunnel.port), "the port to close")
            wire, answer = ask(service, tunnel.port, ticket)
            assert answer == {"Hello": tunnel.port}
            for host in new:
                connect(host, tunnel.port).close()
            assert port_is_free(both[1], tunnel.port) == (both[1] not in new)
            wire.close()


# ---- ports of host names


ROUTED = "tunnel-routed-1"


@pytest.fixture
def routed(tmp_path, address):
    """A service with a routed port at all addresses, whose sockets the manager has."""
    entry = {"listen_port": address.free_port(), "listen_addr": ["0.0.0.0"]}
    public = [{**entry, "route": [{"use": "http"}]}]
    with Service(tmp_path, address, public=public) as made:
        made.port = entry["listen_port"]
        yield made


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::"], ["127.0.0.1", "127.0.0.2"]])
def test_a_routed_port_at_other_addresses(routed, addresses):
    """Its sockets are of no use. There, and back again."""
    for each in (addresses, ["0.0.0.0"]):
        routed.begin_stop()
        routed.end_stop()
        assert routed.store.kept[ROUTED]
        routed.change_section("public", lambda public: public[0].update(listen_addr=each))
        routed.start()
        wait_until(lambda: not routed.store.kept, "the manager to drop them")
        connect("127.0.0.1", routed.port).close()


@pytest.mark.parametrize("way", ["exporter", "nobody", "mistake"])
def test_a_routed_port_is_one_no_more(routed, way):
    """Something else may be there, also after a start that has failed."""
    routed.begin_stop()
    routed.end_stop()
    routed.change_section("public", lambda public: public.clear())
    if way != "nobody":
        exporter = {"use": "prometheus", "listen": f"127.0.0.1:{routed.port}"}
        routed.change_section("metrics", lambda metrics: metrics.append(exporter), [])
    if way == "mistake":
        routed.change("control_port", 1)
        with pytest.raises(AssertionError, match="the output ended"):
            routed.start()
        routed.change("control_port", routed.control[1])
    routed.start()
    wait_until(lambda: not routed.store.kept, "the manager to drop them")
    assert refuses("127.0.0.1", routed.port) == (way == "nobody")


# ---- ports that are not kept


def test_a_port_that_is_closed_because_its_service_is_down(service):
    """Visitors are to be refused, not to wait. Its client can have it from the next server."""
    down = {"Ready": {"ready": False, "close": True, "why": "down"}}
    with Tunnel(service) as before, Tunnel(service) as while_leaving:
        for each in (before, while_leaving):
            each.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": LEAVING | TICKET}})
            assert "Extended" in each.wire.receive_but_heartbeats()
        before.wire.send(down)
        service.process.wait_for(f"its port is closed port={before.port}")
        assert refuses(service.public_host, before.port)
        service.begin_stop()
        assert before.wire.receive_but_heartbeats() == "Leaving"
        ticket = while_leaving.wire.receive_but_heartbeats()["Ticket"]
        (name,) = wait_until(lambda: list(service.store.kept), "a socket")
        while_leaving.wire.send(down)
        wait_until(lambda: name in service.store.dropped, "the manager to drop it")
        service.end_stop()
    service.start()
    assert not service.store.kept
    wire, answer = ask(service, while_leaving.port, ticket)
    assert answer == {"Hello": while_leaving.port}
    connect(service.public_host, while_leaving.port).close()
    wire.close()


def test_a_client_that_has_ended_or_moved(service):
    """Nobody needs its port any more."""
    with Tunnel(service) as moves, Tunnel(service) as ends, Tunnel(service) as older:
        for each in (ends, older):
            wants = LEAVING if each is older else LEAVING | TICKET
            each.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": wants}})
            assert "Extended" in each.wire.receive_but_heartbeats()
        leave(service, moves)
        assert "Ticket" in ends.wire.receive_but_heartbeats()
        assert older.wire.receive_but_heartbeats() == "Leaving"
        wait_until(lambda: len(service.store.kept) == 2, "two sockets")
        assert all(map(NAME.fullmatch, service.store.kept))
        moves.wire.send("Moved")
        ends.wire.close()
        wait_until(lambda: not service.store.kept, "the manager to drop them")
        service.end_stop()


def test_a_name_of_another_version(service):
    """The socket is closed, and the manager is told so."""
    with Tunnel(service) as tunnel:
        leave(service, tunnel)
        service.end_stop()
    (name,) = service.store.kept
    other = name.replace("tunnel-1-", "tunnel-2-")
    service.store.kept[other] = service.store.kept.pop(name)
    service.start()
    wait_until(lambda: other in service.store.dropped, "the manager to drop it")
    assert port_is_free(service.public_host, tunnel.port)
    service.process.wait_for("public ports closed: .* were kept by another version ports=1")


def test_a_client_that_does_not_come(service):
    """Its port closes after 40 s, and its visitors need not wait for ever."""
    with Tunnel(service) as tunnel:
        leave(service, tunnel)
        service.end_stop()
    service.start()
    assert not port_is_free(service.public_host, tunnel.port)
    service.process.wait_for("their clients have not come back in time ports=1", timeout=60)
    assert port_is_free(service.public_host, tunnel.port)
