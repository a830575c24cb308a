"""A public port that several tunnels share: which of them gets a visitor, by the first bytes."""

import contextlib
import json
import signal
import ssl

import pytest

from harness.metrics import Exporter
from harness.peers import configured_server, spore_client
from harness.services import Greeter
from harness.sockets import connect, end_writing, how_it_ends, read_to_end
from harness.waiting import wait_until

SECRETS = {"alice": "a-secret", "bob": "b-secret"}
POLICY = {"alice": {"hosts": ["*.alice.example"]}, "bob": {"hosts": ["bob.example"]}}


class Teller(Greeter):
    """Sends its name and the first bytes that it has got."""

    def serve(self, sock):
        sock.sendall(self.greeting + b" " + sock.recv(65536))
        end_writing(sock)
        while sock.recv(65536):
            pass


class Site:
    """A server with a shared port, and its clients."""

    def __init__(self, address, folder, stack, entry, **sections):
        self.port, self.folder, self.stack = address.free_port(), folder, stack
        self.exporter = Exporter(address.host, address.free_port())
        listen = f"{self.exporter.host}:{self.exporter.port}"
        self.server = stack.enter_context(
            configured_server(
                address,
                folder,
                auth=[{"use": "multi_secret", "secrets": SECRETS, "policy": POLICY}],
                public=[{"name": "web", "listen_port": self.port, **entry}],
                metrics=[{"use": "prometheus", "listen": listen}],
                **sections,
            )
        )

    def client(self, name, host):
        """A client of this name, whose tunnel has this host name."""
        service = self.stack.enter_context(Teller(name.encode()))
        tunnels = [{"local_port": service.port, "hosts": [host]}]
        config = {"auth": [{"use": "hmac", "secret": SECRETS[name]}], "tunnels": tunnels}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        path.chmod(0o600)
        return self.stack.enter_context(
            spore_client(self.server.control, None, extra=["--config", path])
        )

    def reload(self, **changes):
        """Changes the entry of the shared port, and waits until the server has the change."""
        path = self.folder / f"server{self.server.control[1]}.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["public"][0].update(changes)
        path.write_text(json.dumps(config), encoding="utf-8")
        self.server.process.signal(signal.SIGHUP)
        self.server.process.wait_for(r"configuration reloaded")

    def connect(self):
        return self.stack.enter_context(connect(self.server.control[0], self.port))

    def ask(self, host):
        """What a request for this host is answered with."""
        with connect(self.server.control[0], self.port) as visitor:
            visitor.sendall(request(host))
            return read_to_end(visitor)

    def refused(self, reason):
        return self.exporter.value("spore_refusals_total", at="public", reason=reason)


def request(host):
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.fixture
def start(address, tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda entry, **more: Site(address, tmp_path, stack, entry, **more)


HTTP = {"route": [{"use": "http"}]}


def test_a_request_reaches_the_tunnel_of_its_host(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("alice", "*.alice.example")
    site.client("bob", "bob.example")
    for host, name in [("x.alice.example", b"alice"), ("BOB.example:80", b"bob")]:
        assert site.ask(host) == name + b" " + request(host)


def test_a_request_in_pieces_arrives_as_it_was_sent(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("bob", "bob.example")
    visitor = site.connect()
    for byte in request("bob.example"):
        visitor.sendall(bytes([byte]))
    assert read_to_end(visitor) == b"bob " + request("bob.example")


def test_who_wants_no_known_name_is_reset(start):
    site = start(HTTP)
    site.client("bob", "bob.example")
    for first, reason, text in [
        (request("alice.example"), "unknown_host", "no tunnel has the host name"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no_host", "the visitor wants no host name"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "bad_start", "malformed"),
    ]:
        visitor = site.connect()
        visitor.sendall(first)
        assert how_it_ends(visitor) == (b"", "reset")
        site.server.process.wait_for(rf"visitor refused.*{text}.* entry=web")
        assert site.refused(reason) == 1


def test_a_silent_visitor_is_reset(start):
    site = start({**HTTP, "route_timeout": "100ms"})
    assert how_it_ends(site.connect()) == (b"", "reset")
    site.server.process.wait_for(r"visitor refused.*the visitor wants no host name")


def test_one_tunnel_may_get_all_others(start):
    site = start({**HTTP, "unknown_host": "bob.example"})
    site.client("bob", "bob.example")
    assert site.ask("nobody.example") == b"bob " + request("nobody.example")


def test_the_name_is_free_when_its_client_leaves(start):
    site = start({**HTTP, "route_timeout": "30s"})
    client = site.client("bob", "bob.example")
    assert site.ask("bob.example").startswith(b"bob ")
    client.stop()
    site.server.process.wait_for(r"client left|closed by the client")
    visitor = site.connect()
    visitor.sendall(request("bob.example"))
    assert how_it_ends(visitor) == (b"", "reset")


def test_a_source_has_few_visitors_without_a_tunnel(start):
    site = start(
        {**HTTP, "route_timeout": "30s"},
        limits={"max_handshakes_per_ip": 2},
    )
    site.client("bob", "bob.example")
    visitors = [site.connect() for _ in range(3)]
    wait_until(lambda: site.refused("handshakes") == 1, "one visitor to be refused")
    for visitor in visitors:
        with contextlib.suppress(OSError):
            visitor.sendall(request("bob.example"))
    assert sorted(how_it_ends(visitor)[0][:4] for visitor in visitors) == [b"", b"bob ", b"bob "]
    assert site.ask("bob.example").startswith(b"bob ")


def test_tls_is_routed_by_its_server_name(start):
    """The server sees no key: the service gets the ClientHello as it was sent."""
    site = start({"route": [{"use": "sni"}], "route_timeout": "30s"})
    site.client("bob", "bob.example")
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(received, sent, server_hostname="bob.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = sent.read()
    visitor = site.connect()
    visitor.sendall(hello)
    assert read_to_end(visitor) == b"bob " + hello


def test_access_lists_know_the_identity_of_the_tunnel(start):
    deny = {"use": "cidr", "identity": ["bob"], "deny": ["127.0.0.0/8"]}
    site = start({**HTTP, "route_timeout": "30s", "acl": [deny]})
    site.client("alice", "x.alice.example")
    site.client("bob", "bob.example")
    assert site.ask("x.alice.example").startswith(b"alice ")
    visitor = site.connect()
    visitor.sendall(request("bob.example"))
    assert how_it_ends(visitor) == (b"", "reset")
    site.server.process.wait_for(r"visitor refused.*access list.* identity=bob")


def test_a_reload_says_who_gets_all_others(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("bob", "bob.example")
    visitor = site.connect()
    visitor.sendall(request("nobody.example"))
    assert how_it_ends(visitor) == (b"", "reset")
    site.reload(unknown_host="bob.example")
    assert site.ask("nobody.example").startswith(b"bob ")


def test_another_shared_port_needs_a_restart(start, address):
    site = start({**HTTP, "route_timeout": "30s"})
    site.reload(listen_port=address.free_port())
    site.server.process.wait_for(r"key=/public/0/listen_port .*needs a restart")
