"""Public ports that several tunnels share: who gets no visitor, the addresses of such a port, and
what happens to it at the start and the end of the server."""

import contextlib
import json

import pytest

from harness.admin import Admin
from harness.loopback import Loopback, has_ipv6
from harness.peers import spore_binary
from harness.process import run
from harness.scale import seconds
from harness.services import Echo
from harness.routed_port import SECRETS, RoutedPort, Teller, request
from harness.sockets import connect, how_it_ends, listen, read_exactly, read_to_end
from harness.waiting import wait_until
from harness.wire import Wire, answer

HTTP = {"route": [{"use": "http"}], "route_timeout": "30s"}


@pytest.fixture
def start(address, tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda entry=HTTP, **more: RoutedPort(address, tmp_path, stack, entry, **more)


def is_reset(shared, host):
    with connect(shared.host, shared.port) as visitor:
        visitor.sendall(request(host))
        return how_it_ends(visitor) == (b"", "reset")


class Tunnel:
    """Bob's tunnel, whose client is the test."""

    def __init__(self, shared, about="host=bob.example"):
        self.shared = shared
        self.wire, self.tag = self.dial()
        self.wire.send({"Authenticate": self.tag}, {"About": about}, {"Hello": 0})
        message = self.wire.receive_but_heartbeats()
        assert "Hello" in message, message

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def dial(self):
        wire = Wire.connect(self.shared.server.control)
        return wire, answer(SECRETS["bob"], wire.receive()["Challenge"])

    def accept(self, identity):
        """The stream of this visitor."""
        wire, tag = self.dial()
        wire.send({"Authenticate": tag})
        return wire.accept(identity)


# Visitors whom no tunnel can take


def test_while_the_service_is_down(start, address):
    """The port stays open for the others. The visitors get in when the service is back."""
    shared = start(log={"level": "debug"})
    check = {"interval": "100ms", "timeout": f"{seconds(1.5)}s", "rise": 1, "fall": 1}
    place = (address.host, address.free_port())
    shared.client("bob", "bob.example", local=f"{place[0]}:{place[1]}", check=check)
    shared.client("alice", "x.alice.example")
    wait_until(lambda: is_reset(shared, "bob.example"), "the server to hear of it")
    assert shared.refused("no_service") > 0
    shared.server.process.wait_for(r"visitor refused .*does not reach its service.* identity=bob")
    assert shared.ask("x.alice.example").startswith(b"alice ")
    with Echo(*place):

        def works():
            with connect(shared.host, shared.port) as visitor:
                visitor.sendall(request("bob.example"))
                with contextlib.suppress(ConnectionResetError):
                    return visitor.recv(3) == b"GET"

        wait_until(works, "the service")


def test_where_no_more_visitors_may_wait(start):
    """The next one gets in when one of them has been taken."""
    shared = start(limits={"max_pending_per_tunnel": 1})
    with Tunnel(shared) as tunnel:
        first = shared.connect()
        first.sendall(request("bob.example"))
        identity = tunnel.wire.connection()
        assert is_reset(shared, "bob.example")
        assert shared.refused("pending") == 1
        with tunnel.accept(identity) as far:
            assert far.recv(1000) == request("bob.example")
            second = shared.connect()
            second.sendall(request("bob.example"))
            with tunnel.accept(tunnel.wire.connection()) as far:
                assert far.recv(1000) == request("bob.example")


def test_who_shares_a_port_keeps_its_names(start, address):
    """A visitor of a name goes to a client that has the name, or to none."""
    shared = start(server={"share": True, "workers": 2})
    port = address.free_port()
    more = {"port": port, "share": True}
    for name in "ab":
        teller = shared.stack.enter_context(Teller(name.encode()))
        shared.client("alice", f"{name}.alice.example", service=teller, **more)
    for _ in range(3):
        visitor = shared.connect()
        visitor.sendall(request("a.alice.example"))
        assert read_exactly(visitor, 2) == b"a "  # it stays, so the other client has fewer
    for name in list("aaabbb"):
        assert shared.ask(f"{name}.alice.example").startswith(name.encode() + b" ")
    check = {"interval": "100ms", "timeout": f"{seconds(1.5)}s", "rise": 1, "fall": 1}
    place = f"{address.host}:{address.free_port()}"
    shared.client("alice", "c.alice.example", local=place, check=check, **more)
    wait_until(lambda: is_reset(shared, "c.alice.example"), "the server to hear of it")
    assert shared.refused("no_service") > 0


def test_a_tunnel_that_ends_while_the_visitor_speaks(start):
    """The name is looked up when the visitor has said it."""
    shared = start()
    visitor = shared.connect()
    with Tunnel(shared):
        visitor.sendall(request("bob.example")[:-2])
    shared.server.process.wait_for("client left|closed by the client")
    visitor.sendall(b"\r\n")
    assert how_it_ends(visitor) == (b"", "reset")


def test_who_has_names_and_where_they_are_asked_for(start, tmp_path):
    """The logs and `spore ctl` say it on both sides. What scripts read stays as it is."""
    admin = Admin(tmp_path / "admin.sock")
    shared = start(admin={"socket": str(admin.path)})
    first = shared.client("alice", "x.alice.example")
    bob = shared.client("bob", "bob.example")
    for client, host in ((first, "x.alice.example"), (bob, "bob.example")):
        client.process.wait_for(f'reachable by host name .*hosts="{host} at {shared.port}"')
        assert client.process.stdout == [f"listening at {shared.host}:{client.port}"]
        shared.server.process.wait_for(
            rf"new client .*port={client.port} .*hosts={host} routed_ports={shared.port}$"
        )
    assert shared.ask("bob.example").startswith(b"bob ")
    second = shared.client("alice", "x.alice.example")  # the name moves
    held = {tunnel["port"]: tunnel["hosts_held"] for tunnel in admin.ask("tunnels")["tunnels"]}
    assert held == {first.port: [], second.port: ["x.alice.example"], bob.port: ["bob.example"]}
    silent = shared.connect()
    status = wait_until(
        lambda: (status := admin.ask("status"))["routed_ports"][0]["without_tunnel"] and status,
        "the visitor",
    )
    assert status["routed_ports"] == [
        {
            "port": shared.port,
            "addresses": f"{shared.host}:{shared.port}",
            "entry": "web",
            "routes": ["http"],
            "visitors_all": 2,
            "without_tunnel": 1,
        }
    ]
    assert (status["host_names"], status["tunnels_with_hosts"]) == (2, 2)
    silent.close()


def test_a_client_without_names_learns_nothing_of_routed_ports(start):
    shared = start()
    with Tunnel(shared) as named, Tunnel(shared, "name=other") as other:
        for tunnel, routed in ((named, [shared.port]), (other, None)):
            tunnel.wire.send({"Extend": {"heartbeat_ms": 4000}})
            answer_to_it = tunnel.wire.receive_but_heartbeats()["Extended"]
            assert answer_to_it.get("routed") == routed


def test_only_the_log_of_the_server_says_who_has_a_name(start, tmp_path):
    shared = start(policy={"*": {"hosts": ["*"]}})
    shared.client("alice", "app.example")
    client = shared.client("bob", "app.example", listening=False)
    client.process.wait_for("the host name is taken: app.example")
    assert client.wait() != 0
    shared.server.process.wait_for(
        r"client refused .*the host name is taken: app.example.* identity=bob .*holder=alice"
    )
    assert "alice" not in client.process.log().replace(str(tmp_path), "")
    assert shared.ask("app.example").startswith(b"alice ")


def test_a_name_returns_to_the_client_that_still_waits_for_it(start):
    shared = start()
    clients = {}
    for each in (b"one", b"two"):
        service = shared.stack.enter_context(Teller(each))
        clients[each] = shared.client("alice", "x.alice.example", service=service)
        assert shared.ask("x.alice.example").startswith(each)
    shared.server.process.wait_for(
        r"a host name moves .*host=x.alice.example from=\d+ to=\d+ identity=alice"
    )
    assert clients[b"two"].stop() == 0
    wait_until(lambda: shared.ask("x.alice.example").startswith(b"one"), "the name")


def test_names_come_back_when_a_reload_allows_them_again(start):
    shared = start()
    shared.client("bob", "bob.example")
    log = shared.server.process
    shared.reload(policy={"bob": {"hosts": ["other.example"]}})
    log.wait_for("the tunnel has lost its host names.* identity=bob")
    assert is_reset(shared, "bob.example")
    shared.reload(times=2, policy={"bob": {"hosts": ["*.example"]}})
    log.wait_for("the tunnel has its host names again .*identity=bob")
    assert shared.ask("bob.example").startswith(b"bob ")


def test_clients_that_share_a_port_have_their_name_together(start, address):
    """The name stays when one of them leaves."""
    shared = start(policy={"alice": {"hosts": ["*.alice.example"], "share": "yes"}})
    name, port = "x.alice.example", address.free_port()
    clients = {}
    for each in (b"one", b"two"):
        service = shared.stack.enter_context(Teller(each))
        clients[each] = shared.client("alice", name, service=service, port=port, share=True)
    visitors = [shared.connect() for _ in range(4)]
    for visitor in visitors:
        visitor.sendall(request(name))
    assert {read_exactly(visitor, 3) for visitor in visitors} == set(clients)
    for visitor in visitors:
        visitor.close()
    assert clients.pop(b"two").stop() == 0
    assert {shared.ask(name).split()[0] for _ in range(10)} == {b"one"}


# Addresses


def test_several_addresses(start, address):
    with Loopback() as other, Loopback() as elsewhere:
        hosts = [address.host, other.host] + (["::1"] if has_ipv6() else [])
        shared = start({**HTTP, "listen_addr": hosts})
        shared.client("bob", "bob.example")
        for host in hosts:
            assert shared.ask("bob.example", at=host) == b"bob " + request("bob.example")
        with pytest.raises(ConnectionRefusedError):
            connect(elsewhere.host, shared.port)


def test_the_addresses_of_the_tunnels_by_default(start, address):
    with Loopback() as other:
        shared = start(server={"bind_tunnels": [other.host]})
        shared.client("bob", "bob.example")
        assert shared.ask("bob.example", at=other.host).startswith(b"bob ")
        with pytest.raises(ConnectionRefusedError):
            connect(address.host, shared.port)


# The start and the end of the server


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_port_in_use_is_an_error_of_the_start(address, tmp_path, place):
    """It names the key and the port."""
    port, other = address.free_port(), address.free_port()
    entries = [{"listen_port": each, "route": [{"use": "http"}]} for each in (port, other)]
    config = {
        "server": {"bind_addr": address.host, "control_port": address.free_port()},
        "public": entries if place == "first" else entries[::-1],
    }
    path = tmp_path / "server.json"
    path.write_text(json.dumps(config, indent=2))
    with contextlib.closing(listen(address.host, port)):
        process = run([spore_binary(), "server", "--config", path])
    assert process.status == 1
    log = process.log()
    index = 0 if place == "first" else 1
    expected = f"/public/{index}/listen_port: routed port {port}: address in use"
    assert expected in log, log


def test_a_drain_waits_for_a_visitor_that_speaks(start):
    """Its tunnel gets it, and then the server ends. New visitors are refused."""
    shared = start()
    shared.client("bob", "bob.example").process_was_ended = True
    visitor = shared.connect()
    first = request("bob.example")
    visitor.sendall(first[:20])
    wait_until(
        lambda: shared.exporter.value("spore_connections_incoming_total") == 1, "the visitor"
    )
    shared.server.process_was_ended = True
    shared.server.process.terminate()
    shared.server.process.wait_for("draining")
    visitor.sendall(first[20:])
    assert read_to_end(visitor) == b"bob " + first
    visitor.close()
    assert shared.server.process.wait() == 0


def test_a_drain_closes_the_port(start):
    """Visitors that are there go on."""
    shared = start()
    with Tunnel(shared) as tunnel:
        visitor = shared.connect()
        visitor.sendall(request("bob.example"))
        with tunnel.accept(tunnel.wire.connection()) as far:
            assert read_exactly(far, 4) == b"GET "
            shared.server.process_was_ended = True
            shared.server.process.terminate()
            wait_until(shared.refuses, "the port to close")
            far.sendall(b"bye")
            assert read_exactly(visitor, 3) == b"bye"
            visitor.close()
    assert shared.server.process.wait() == 0
