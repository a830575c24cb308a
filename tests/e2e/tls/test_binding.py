"""Answers bound to the TLS session: each pair of settings, and a man in the middle.

The man in the middle has a certificate that the client accepts.
"""

import contextlib
import json
import selectors
import signal
import socket
import ssl
import threading

import pytest

from harness import peers, tls
from harness.services import Echo
from harness.signing import ssh_keygen
from harness.sockets import listen
from harness.visitors import one_exchange
from harness.wire import answer

MODES = ["off", "prefer", "require"]


def chain(binding, secret="s3cret"):
    return [{"use": "hmac", "secret": secret, "binding": binding}]


def names(binding):
    """The test runs also with a server that has several secrets."""
    secrets = {"bob": "b0b", "alice": "s3cret"}
    return [{"use": "multi_secret", "secrets": secrets, "binding": binding}]


@pytest.fixture(params=[chain, names], ids=["hmac", "multi_secret"])
def bound_server(request, tls_server):
    """A TLS server whose auth instance has this value of the option."""
    return lambda binding, **options: tls_server(config={"auth": request.param(binding)}, **options)


@pytest.fixture
def bound_client(authority, tmp_path):
    """A client of the address `control` whose hmac has this value of the option."""

    def start(control, binding, port=9, secret="s3cret", transport=None, **options):
        path = tmp_path / "client.json"
        entry = transport or {"use": "tls", "cacertfile": authority.path}
        path.write_text(
            json.dumps({"transport": [entry], "auth": chain(binding, secret)}), encoding="utf-8"
        )
        return peers.spore_client(
            control, port, extra=["--config", str(path), "--no-reconnect"], **options
        )

    return start


@pytest.mark.parametrize("servers", MODES)
@pytest.mark.parametrize("clients", MODES)
def test_pairs(bound_server, bound_client, servers, clients):
    """All pairs work except one side that requires binding with one that never binds."""
    with bound_server(servers) as server, Echo() as service:
        if {servers, clients} == {"off", "require"}:
            with bound_client(server.control, clients, listening=False) as client:
                assert client.wait() != 0
            if servers == "require":
                server.process.wait_for("client refused .*the answer is not bound")
            else:
                client.process.wait_for("no answer given: the server does not bind answers")
            return
        with bound_client(server.control, clients, service.port) as client:
            for _ in range(3):
                assert one_exchange(server.public_host, client.port) == b"ping"


@pytest.mark.parametrize("servers", MODES)
@pytest.mark.parametrize("clients", MODES)
def test_a_wrong_secret_is_wrong_in_any_pair(bound_server, bound_client, servers, clients):
    with bound_server(servers) as server:
        with bound_client(server.control, clients, secret="wrong", listening=False) as client:
            assert client.wait() != 0
        assert not any("new client" in line for line in server.process.stderr)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("binding, offered", [("off", 0), ("prefer", 1), ("require", 1)])
def test_the_challenge_tells_whether_the_server_binds(
    bound_server, authority, binding, offered, version
):
    with bound_server(binding) as server, tls.dial(
        server, authority, maximum_version=version
    ) as wire:
        challenge = wire.receive()["Challenge"]
        assert challenge[14] == "8"
        assert int(challenge[17], 16) & 1 == offered


def test_without_tls_nothing_is_bound(configured_server):
    with configured_server(config={"auth": chain("prefer")}) as server:
        with peers.spore_client(server.control, 9, secret="s3cret"):
            pass
        with tls.Wire.connect(server.control) as wire:
            challenge = wire.receive()["Challenge"]
            assert challenge[14:18] == "8002"
            wire.send({"Authenticate": answer("s3cret", challenge)})
            assert wire.hello() > 0


def test_one_of_many_secrets_that_is_not_bound_is_told_apart(tls_server, bound_client):
    auth = [
        {
            "use": "multi_secret",
            "secrets": {"alice": "s3cret", "bob": "other"},
            "binding": "require",
        }
    ]
    with tls_server(config={"auth": auth}) as server:
        with bound_client(server.control, "off", listening=False) as client:
            assert client.wait() == 3
        server.process.wait_for(
            "the secret of alice is correct, but the answer is not bound to the TLS session"
        )


def test_a_right_secret_that_is_not_bound_is_told_apart(tls_server, bound_client):
    with tls_server(config={"auth": chain("require")}) as server:
        with bound_client(server.control, "off", listening=False) as client:
            assert client.wait() == 3
        server.process.wait_for(
            "the secret is correct, but the answer is not bound to the TLS session"
        )


@pytest.mark.parametrize("section", [chain, names])
def test_an_unbound_answer_is_no_wrong_secret(tls_server, bound_client, section):
    """It is counted under its own reason, and leads to no ban. The client hears what it always
    did."""
    limits = {"ban_after": 2, "ban_exempt": []}
    with tls_server(config={"auth": section("require"), "limits": limits}) as server:
        for _ in range(4):
            with bound_client(server.control, "off", listening=False) as client:
                assert client.wait() == 3
                client.process.wait_for("server error: invalid secret")
        server.process.wait_for("client refused .*reason=.the answer is not bound")
        with bound_client(server.control, "require", secret="wrong", listening=False) as client:
            assert client.wait() == 3
        server.process.wait_for('client refused .*reason="invalid secret"')
        assert not any("banned" in line for line in server.process.stderr)


@pytest.mark.parametrize("binding", ["prefer", "require"])
def test_bores_answer(bound_server, authority, binding):
    """A bore behind a TLS proxy sends bore's usual answer."""
    with bound_server(binding) as server, tls.dial(server, authority) as wire:
        wire.authenticate("s3cret")
        if binding == "prefer":
            assert wire.hello() > 0
        else:
            wire.send({"Hello": 0})
            wire.expect_error("invalid secret")


# The man in the middle


class Middle:
    """Ends the client's TLS with its own certificate, speaks TLS to the server and relays all
    bytes."""

    def __init__(self, host, port, server, authority, certificate):
        self.server, self.authority = server, authority
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.path, certificate.key)
        self.listener = listen(host, port)
        self.control = (host, port)
        self.seen = bytearray()
        self._stack = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError), contextlib.closing(sock):
            near = self.context.wrap_socket(sock, server_side=True)
            with self._dial() as far, contextlib.closing(near):
                self._hand_on(near, far.sock)

    def _dial(self):
        return tls.dial(self.server, self.authority)

    def _hand_on(self, near, far):
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    self.seen += data
                    key.data.sendall(data)


class PlainMiddle(Middle):
    """A TLS proxy in front of a server without TLS."""

    def __init__(self, address, server, authority):
        own = authority.issue(f"IP:{address.host}")
        super().__init__(address.host, address.free_port(), server, authority, own)

    def _dial(self):
        return tls.Wire.connect(self.server.control)


@pytest.mark.parametrize("binding", MODES)
def test_a_man_in_the_middle(bound_server, bound_client, authority, address, binding):
    """Without binding he reads everything, which shows that binding is needed."""
    with bound_server(binding) as server:
        his = authority.issue(f"IP:{address.host}")
        with Middle(address.host, address.free_port(), server, authority, his) as middle:
            if binding == "off":
                with bound_client(middle.control, binding):
                    assert b"Authenticate" in middle.seen
                return
            with bound_client(middle.control, binding, listening=False) as client:
                assert client.wait() == 3
            assert not any("new client" in line for line in server.process.stderr)


# Signatures: both ends bind wherever there is a session


@pytest.fixture
def signing(tls_server, authority, tmp_path, address):
    """A TLS server that knows a key, and a function from an address to a client with the key."""
    (tmp_path / "team").write_text(ssh_keygen(tmp_path / "alice"))
    names = [address.host]
    auth = [{"use": "pubkey", "authorized_keys": [str(tmp_path / "team")], "names": names}]

    def start(control, port=9, **options):
        transport = [{"use": "tls", "cacertfile": authority.path}]
        auth = [{"use": "pubkey", "keyfile": "alice"}]
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"transport": transport, "auth": auth}), encoding="utf-8")
        return peers.spore_client(
            control, port, extra=["--config", str(path), "--no-reconnect"], **options
        )

    return lambda: tls_server(config={"auth": auth}), start


def test_a_signature_over_tls(signing, tmp_path):
    serve, client = signing
    with serve() as server, Echo() as service, client(server.control, service.port) as running:
        server.process.wait_for("new client .*identity=alice ")
        for _ in range(3):
            assert one_exchange(running.host, running.port) == b"ping"
        with open(tmp_path / "team", "a", encoding="utf-8") as team:
            team.write("# a reload verifies the first answer again\n")
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("authenticated again tunnels=1 allowed=1")
        assert one_exchange(running.host, running.port) == b"ping"


def test_a_signature_through_a_man_in_the_middle(signing, authority, address):
    """He ends TLS with a certificate that the client accepts, and offers what the server offers."""
    serve, client = signing
    with serve() as server:
        his = authority.issue(f"IP:{address.host}")
        with Middle(address.host, address.free_port(), server, authority, his) as middle:
            with client(middle.control, listening=False) as running:
                assert running.wait() == 3
        server.process.wait_for("a signature of alice .*: it is wrong for this connection")
        assert not any("new client" in line for line in server.process.stderr)


def test_a_signature_to_a_server_behind_a_tls_proxy(authority, address, signing, configured_server):
    """The client says why nobody gets in: the server has no session to bind to."""
    _, client = signing
    auth = [{"use": "pubkey", "authorized_keys": ["team"], "names": [address.host]}]
    with configured_server(config={"auth": auth}) as server:
        with PlainMiddle(address, server, authority) as middle:
            with client(middle.control, listening=False) as running:
                assert running.wait() == 1
                running.process.wait_for("no answer given: the server does not bind answers")
