"""What a client says about itself and its tunnel, on the wire."""

import json
import uuid

import pytest

from harness import tls
from harness.admin import Admin
from harness.loopback import BORE_CONTROL_PORT
from harness.peers import bore_client, bore_server, spore_client, spore_server
from harness.services import Echo, Inbox
from harness.sockets import connect, end_writing, read_to_end
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire, answer, encode

UNKNOWN_ID = "0f6a4b6e-3c1d-4f0e-9d53-6c6f7b1f3f27"
MOST = 1024


def about(item):
    return {"About": item}


def authenticated(server, *behind, secret="s3cret"):
    """A connection that has answered the Challenge; the messages follow in the same segment."""
    wire = Wire.connect(server.control)
    tag = answer(secret, wire.receive()["Challenge"])
    wire.send({"Authenticate": tag}, *behind)
    return wire


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path / "admin.sock")


@pytest.fixture
def watched(admin, address):
    """A server with a secret and an admin socket."""
    with spore_server(address, secret="s3cret", extra=admin.flags) as server:
        yield server


# The offer


@pytest.mark.parametrize("binding, digits", [("off", "8002"), ("prefer", "8003")])
def test_the_challenge_offers_it_also_over_tls(tls_server, authority, binding, digits):
    auth = [{"use": "hmac", "secret": "s3cret", "binding": binding}]
    with tls_server(config={"auth": auth}) as server, tls.dial(server, authority) as wire:
        challenge = wire.receive()["Challenge"]
        assert challenge[14:18] == digits
        assert uuid.UUID(challenge).variant == uuid.RFC_4122


# The server's side


def test_items_reach_the_log_and_the_operator(watched, admin):
    items = ["name=web", "version=x/1", "host=*.a.example", "host=b", "tag=env=test", "tag=k="]
    with authenticated(watched, *map(about, items), {"Hello": 0}) as wire:
        port = wire.receive()["Hello"]
        watched.process.wait_for(rf"new client .*port={port} .*name=web")
        (tunnel,) = admin.ask("tunnels")["tunnels"]
        assert tunnel["name"] == "web"
        assert tunnel["version"] == "x/1"
        assert tunnel["hosts"] == ["*.a.example", "b"]
        assert tunnel["tags"] == {"env": "test", "k": ""}
        row = admin.ctl("tunnels").splitlines()[1]
        assert "web" in row and "x/1" in row and "env=test, k=" in row


def test_a_bore_client_says_nothing(admin, address):
    with Echo() as service, spore_server(
        address, secret="s3cret", control_port=BORE_CONTROL_PORT, extra=admin.flags
    ) as server, bore_client(server.control, service.port, secret="s3cret") as client:
        assert one_exchange(server.public_host, client.port) == b"ping"
        (tunnel,) = admin.ask("tunnels")["tunnels"]
        assert (tunnel["name"], tunnel["version"]) == (None, None)
        assert (tunnel["hosts"], tunnel["tags"]) == ([], {})
        server.process.wait_for(r'new client .*name=""')


def test_hostile_texts_are_shown_harmless(watched, admin):
    """Quotes, and text that a terminal may show in another order or form."""
    name = 'a"b\\c=d e\u202egnp.exe \u2028 \U0001f600'
    with authenticated(watched, about(f"name={name}"), {"Hello": 0}) as wire:
        wire.receive()
        line = watched.process.wait_for("new client").string
        assert line.isascii()
        assert r'name="a\"b\\c=d e\xe2\x80\xaegnp.exe' in line
        assert admin.ask("tunnels")["tunnels"][0]["name"] == name
        shown = admin.ctl("tunnels")
        assert r"\xe2\x80\xaegnp.exe \xe2\x80\xa8" in shown and "\U0001f600" in shown


@pytest.mark.parametrize("split", [False, True], ids=["at once", "byte by byte"])
def test_frames_in_pieces(watched, admin, split):
    items = [f"tag={i}={'x' * 180}" for i in range(4)] + ["name=end"]
    with Wire.connect(watched.control) as wire:
        tag = answer("s3cret", wire.receive()["Challenge"])
        data = b"".join(map(encode, [{"Authenticate": tag}, *map(about, items), {"Hello": 0}]))
        for byte in data if split else ():
            wire.send_bytes(bytes([byte]))
        if not split:
            wire.send_bytes(data)
        assert list(wire.receive()) == ["Hello"]
        assert admin.ask("tunnels")["tunnels"][0]["name"] == "end"


def test_the_server_waits_for_hello(watched):
    """Longer than for the first frame behind Authenticate: 100 ms."""
    with authenticated(watched, about("name=slow")) as wire:
        with pytest.raises(TimeoutError):
            wire.frame(timeout=0.5)
        wire.send(about("tag=env=test"))
        assert wire.hello() > 0
    watched.process.wait_for("new client .*name=slow")


def test_but_not_for_ever(watched):
    with authenticated(watched, about("name=slow")) as wire:
        wire.expect_error("timed out waiting for initial message")


def test_exactly_as_much_as_is_allowed(watched, admin):
    item = "host=" + "a" * 6
    size = len(encode(about(item)))
    count = MOST // size
    rest = MOST - count * size
    filler = "x" * (rest - len(encode(about(""))))
    assert size * count + len(encode(about(f"k={filler[2:]}"))) == MOST
    items = [item] * count + [f"k={filler[2:]}"]
    with authenticated(watched, *map(about, items), {"Hello": 0}) as wire:
        assert list(wire.receive()) == ["Hello"]
        assert len(admin.ask("tunnels")["tunnels"][0]["hosts"]) == count
    with authenticated(watched, *map(about, items), about("l=" + "x"), {"Hello": 0}) as wire:
        wire.expect_end()
    watched.process.wait_for("invalid message .*more than 1 KiB")


HOSTILE = {
    "no-value": ["name"],
    "empty": ["name="],
    "long": ["name=" + "x" * 201],
    "quotes": ["name=" + '"' * 101],
    "control": ["name=a\x1b[2J"],
    "nul": ["name=a\0b"],
    "c1": ["later=\x85"],
    "key": ["Name=x"],
    "host": ["host=a..b"],
    "tag": ["tag=env"],
    "name-twice": ["name=a", "name=a"],
    "version-twice": ["version=a", "version=b"],
    "tag-twice": ["tag=env=a", "tag=env=b"],
    "too-many": ["host=a"] * 60,
}


@pytest.mark.parametrize("items", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("secret", ["s3cret", "wrong"])
def test_what_is_not_allowed_ends_the_connection(watched, items, secret):
    """A stranger only learns that the secret is wrong."""
    with authenticated(watched, *map(about, items), {"Hello": 0}, secret=secret) as wire:
        if secret == "wrong":
            wire.expect_error("invalid secret")
        else:
            wire.expect_end()
    with Tunnel(watched) as tunnel:
        assert tunnel.port > 0


@pytest.mark.parametrize(
    "frame",
    [
        {"About": ["name", "a"]},
        {"About": {"name": "a"}},
        {"About": None},
        {"About": 5},
        {"About": "name=a", "Hello": 0},
        "About",
    ],
    ids=json.dumps,
)
def test_other_shapes(watched, frame):
    with authenticated(watched, frame, {"Hello": 0}) as wire:
        wire.expect_end()


@pytest.mark.parametrize("invalid", [b'{"About":"name=\xff"}\0', b'{"About":"name=\xc3"}\0'])
def test_bytes_that_are_not_utf8(watched, invalid):
    with authenticated(watched) as wire:
        wire.send_bytes(invalid)
        wire.expect_end()


@pytest.mark.parametrize(
    "behind",
    [{"Accept": UNKNOWN_ID}, {"Ahead": UNKNOWN_ID}, {"Authenticate": "00"}, "Heartbeat"],
    ids=lambda frame: next(iter(frame)) if isinstance(frame, dict) else frame,
)
def test_data_connections_say_nothing(watched, behind):
    with authenticated(watched, about("name=web"), behind) as wire:
        wire.expect_end()


def test_a_visitor_survives_a_data_connection_that_speaks(watched):
    with Tunnel(watched) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        with authenticated(watched, about("name=web"), {"Accept": identity}) as wire:
            wire.expect_end()
        tunnel.accept(identity).sendall(b"mine")
        visitor.settimeout(10)
        assert visitor.recv(4) == b"mine"


def test_a_connection_ahead_says_nothing(watched):
    with Tunnel(watched) as tunnel:
        tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "ahead": 1}})
        granted = tunnel.wire.receive_but_heartbeats()["Extended"]
        with authenticated(watched, {"Ahead": granted["pass"]}, about("name=web")) as wire:
            wire.expect_end()


def test_before_the_answer(watched):
    with Wire.connect(watched.control) as wire:
        wire.receive()
        wire.send(about("name=web"))
        wire.expect_error("server requires secret, but no secret was provided")


def test_after_the_verdict(watched):
    """The client waited for the verdict, so Hello must follow."""
    with authenticated(watched) as wire:
        with pytest.raises(TimeoutError):
            wire.frame(timeout=0.7)
        wire.send(about("name=web"))
        wire.expect_end()


def test_a_half_closed_client_hears_the_verdict(watched):
    with authenticated(watched, about("name=web"), secret="wrong") as wire:
        end_writing(wire.sock)
        wire.expect_error("invalid secret")


def test_where_no_challenge_offers_it(server):
    with Wire.connect(server.control) as wire:
        wire.send(about("name=web"), {"Hello": 0})
        wire.expect_end()


def test_on_an_open_tunnel_it_changes_nothing(watched, admin):
    """Neither before Extended nor after it, since the verdict was on what came before."""
    with authenticated(watched, about("tag=env=test"), {"Hello": 0}) as wire:
        assert list(wire.receive()) == ["Hello"]
        wire.send(about("name=late"))
        wire.send({"Extend": {"heartbeat_ms": 4000}}, about("name=late"), about("tag=a=b"))
        assert list(wire.receive_but_heartbeats()) == ["Extended"]
        (tunnel,) = admin.ask("tunnels")["tunnels"]
        assert (tunnel["name"], tunnel["tags"]) == (None, {"env": "test"})


@pytest.mark.parametrize("wanted", [True, False])
def test_the_first_visitors_address_is_told_to_a_client_that_wants_it(watched, wanted):
    """Before the client has sent Extend."""
    items = [about("wants=addresses")] if wanted else []
    with authenticated(watched, *items, {"Hello": 0}) as wire:
        port = wire.receive()["Hello"]
        with connect(watched.public_host, port) as visitor:
            message = wire.receive_but_heartbeats()
            assert list(message) == ["Visitor" if wanted else "Connection"]
            if wanted:
                assert message["Visitor"]["from"] == "%s:%d" % visitor.getsockname()


# The client's side

FLAGS = ["--tunnel-name", "my web"]


def test_our_client_says_it(watched, admin):
    with Echo() as service, spore_client(
        watched.control, service.port, secret="s3cret", extra=[*FLAGS, "--ahead", "2"]
    ) as client:
        assert one_exchange(watched.public_host, client.port) == b"ping"
        (tunnel,) = admin.ask("tunnels")["tunnels"]
        assert tunnel["name"] == "my web"
        assert tunnel["version"].startswith("spore/")


def test_without_a_challenge_it_follows_extended(admin, address):
    with Echo() as service, spore_server(address, extra=admin.flags) as server, spore_client(
        server.control, service.port, extra=FLAGS
    ) as client:
        server.process.wait_for(rf'client named its tunnel port={client.port} name="my web"')
        wait_until(lambda: admin.ask("tunnels")["tunnels"][0]["version"], "the version to be there")


def test_the_default_name_stays_at_home(watched, admin):
    with Echo() as service, spore_client(watched.control, service.port, secret="s3cret") as client:
        client.process.wait_for(rf"tunnel=127.0.0.1:{service.port}")
        assert admin.ask("tunnels")["tunnels"][0]["name"] is None


def test_a_bore_server_hears_nothing_of_it(address):
    """The frames are those of bore's own client, so that the tunnel works."""
    with Echo() as service, bore_server(address, secret="s3cret") as server, spore_client(
        server.control, service.port, secret="s3cret", extra=FLAGS
    ) as client:
        assert one_exchange(server.public_host, client.port) == b"ping"


@pytest.mark.parametrize("digits", ["4fff", "8001", "8ffd", "7002"])
def test_a_server_that_does_not_offer_it_hears_hello_next(fake_server, digits):
    challenge = f"00112233-4455-{digits}-8899-aabbccddeeff"
    with spore_client(
        (fake_server.host, fake_server.port), 9, secret="s3cret", extra=FLAGS, listening=False
    ) as client:
        wire = fake_server.next_wire()
        wire.send({"Challenge": challenge})
        assert wire.receive() == {"Authenticate": answer("s3cret", challenge)}
        assert wire.receive() == {"Hello": 0}
        wire.send({"Hello": 1234})
        assert list(wire.receive()) == ["Extend"]
        client.stop()


@pytest.mark.parametrize("digits", ["8002", "8003", "8fff"])
def test_a_server_that_offers_it_hears_it_on_the_control_connection_alone(fake_server, digits):
    challenge = f"00112233-4455-{digits}-8899-aabbccddeeff"
    with spore_client(
        (fake_server.host, fake_server.port), 9, secret="s3cret", extra=FLAGS, listening=False
    ) as client:
        wire = fake_server.next_wire()
        wire.send({"Challenge": challenge})
        assert list(wire.receive()) == ["Authenticate"]
        said = [wire.receive(), wire.receive()]
        assert said[0]["About"].startswith("version=spore/")
        assert said[1] == {"About": "name=my web"}
        assert wire.receive() == {"Hello": 0}
        wire.send({"Hello": 1234}, {"Connection": UNKNOWN_ID})
        data = fake_server.next_wire()
        data.send({"Challenge": challenge})
        assert list(data.receive()) == ["Authenticate"]
        assert data.receive() == {"Accept": UNKNOWN_ID}
        client.stop()


def test_a_client_with_headers_wants_addresses_from_the_first_visitor_on(fake_server):
    """It takes the address from a Visitor that comes in one piece with Hello."""
    challenge = "00112233-4455-8002-8899-aabbccddeeff"
    control = (fake_server.host, fake_server.port)
    with Inbox() as service, spore_client(
        control, service.port, secret="s3cret", extra=["--send-proxy", "v1"], listening=False
    ) as client:
        wire = fake_server.next_wire()
        wire.send({"Challenge": challenge})
        assert list(wire.receive()) == ["Authenticate"]
        said = [wire.receive(), wire.receive()]
        assert said[1] == {"About": "wants=addresses"}
        assert wire.receive() == {"Hello": 0}
        wire.send({"Hello": 1234}, {"Visitor": {"id": UNKNOWN_ID, "from": "192.0.2.7:5"}})
        data = fake_server.next_wire()
        data.send({"Challenge": challenge})
        assert list(data.receive()) == ["Authenticate"]
        assert data.receive() == {"Accept": UNKNOWN_ID}
        data.close()
        expected = f"PROXY TCP4 192.0.2.7 {fake_server.host} 5 1234\r\n"
        far = service.take()
        assert read_to_end(far) == expected.encode()
        far.close()
        client.stop()
