"""Hello: a client asks for a port."""

import pytest

from harness.loopback import Loopback, port_is_free
from harness.sockets import connect
from harness.wire import Tunnel, Wire


@pytest.mark.bore_too
def test_any_port(server):
    with Wire.connect(server.control) as wire:
        port = wire.hello(0)
        assert 1024 <= port <= 65535
        assert wire.receive() == "Heartbeat"
        with connect(server.public_host, port):
            assert list(wire.receive_but_heartbeats()) == ["Connection"]


@pytest.mark.bore_too
def test_wanted_port(server, address):
    wanted = address.free_port()
    with Tunnel(server, wanted) as tunnel:
        assert tunnel.port == wanted
        assert not port_is_free(server.public_host, wanted)


@pytest.mark.bore_too
def test_messages_are_written_as_bore_writes_them(server, address):
    """Byte for byte: a client may compare strings."""
    wanted = address.free_port()
    with Wire.connect(server.control) as wire:
        wire.send({"Hello": wanted})
        assert wire.frame() == b'{"Hello":%d}' % wanted
        assert wire.frame() == b'"Heartbeat"'


@pytest.mark.bore_too
def test_nothing_comes_before_hello(server):
    with Wire.connect(server.control) as wire:
        with pytest.raises(TimeoutError):
            wire.frame(timeout=0.3)


@pytest.mark.bore_too
def test_tunnels_have_ports_of_their_own(server):
    with Tunnel(server) as one, Tunnel(server) as two, Tunnel(server) as three:
        assert len({one.port, two.port, three.port}) == 3


@pytest.mark.bore_too
def test_ports_come_from_the_range(start_server):
    with start_server(min_port=23000, max_port=23002) as server:
        with Tunnel(server) as one, Tunnel(server) as two, Tunnel(server) as three:
            assert sorted((one.port, two.port, three.port)) == [23000, 23001, 23002]


@pytest.mark.bore_too
def test_second_hello_behind_the_first_changes_nothing(server):
    with Wire.connect(server.control) as wire:
        wire.send({"Hello": 0}, {"Hello": 0})
        assert list(wire.receive()) == ["Hello"]
        for _ in range(3):
            assert wire.receive() == "Heartbeat"


def test_hello_ex_is_understood(server, address):
    """The answer may be in either form."""
    for wanted in (0, address.free_port()):
        with Wire.connect(server.control) as wire:
            wire.send({"HelloEx": {"port": wanted, "version": "spore/1", "features": []}})
            message = wire.receive()
            assert list(message) in (["Hello"], ["HelloEx"]), message
            port = message["Hello"] if "Hello" in message else message["HelloEx"]["port"]
            assert port == wanted or wanted == 0
            assert wire.receive() == "Heartbeat"
            with connect(server.public_host, port):
                assert list(wire.receive_but_heartbeats()) == ["Connection"]


@pytest.mark.parametrize(
    "body",
    [
        '{"port":65536,"version":"spore/1","features":[]}',
        '{"port":-1,"version":"spore/1","features":[]}',
        '{"port":1.5,"version":"spore/1","features":[]}',
        '{"version":"spore/1","features":[]}',
        "20050",
        "null",
    ],
)
def test_hello_ex_is_read_strictly(server, body):
    with Wire.connect(server.control) as wire:
        wire.send_bytes(b'{"HelloEx":%s}\0' % body.encode())
        wire.expect_end(timeout=2)


@pytest.mark.bore_too
def test_bind_tunnels_is_where_visitors_go(start_server, address):
    with Loopback() as public, start_server(bind_tunnels=public.host) as other, Tunnel(
        other
    ) as tunnel:
        with connect(public.host, tunnel.port):
            tunnel.wire.connection()
        assert port_is_free(address.host, tunnel.port)
