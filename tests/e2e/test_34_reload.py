"""HUP: the configuration is read again while everything runs, and swapped in whole or not at all."""

import contextlib
import json
import signal

import pytest

from harness import procfs
from harness.peers import spore_binary, spore_client
from harness.process import Process
from harness.reloading import REFUSED, RELOADED, Reloading
from harness.scale import count
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until

@pytest.fixture
def reloading(tmp_path, address):
    with contextlib.ExitStack() as stack:
        def start(extra=(), **config):
            running = Reloading(tmp_path, address, extra, **config)
            stack.enter_context(running.server)
            return running
        yield start


def hmac(secret):
    return [{"use": "hmac", "secret": secret}]


def names(**secrets):
    return [{"use": "multi_secret", "secrets": secrets}]


@contextlib.contextmanager
def visitor_of(host, port):
    """One that is being carried; it must be so at the end, too."""
    with connect(host, port) as visitor:
        visitor.sendall(b"before")
        assert read_exactly(visitor, 6) == b"before"
        yield
        visitor.sendall(b"after")
        assert read_exactly(visitor, 5) == b"after"


def test_a_secret_that_is_removed(reloading):
    """Its client's tunnel ends with a clear error, its next try is refused, and nobody else notices."""
    running = reloading(auth=names(alice="one", bob="two"))
    control = running.server.control
    with Echo() as service, spore_client(control, service.port, secret="one") as alice:
        with spore_client(control, service.port, secret="two") as bob:
            with visitor_of(running.host, alice.port):
                running.swap(auth=names(alice="one"))
                assert bob.wait() == 3
                assert one_exchange(running.host, alice.port) == b"ping"
            assert any("access was revoked" in line for line in bob.process.stderr)
        with spore_client(control, service.port, secret="two", listening=False) as again:
            assert again.wait() == 3
        assert "tunnel lost" not in "\n".join(alice.process.stderr)


def test_another_plugin_for_the_same_secret(reloading):
    """The tunnel stays, under its new name and with what that may do."""
    running = reloading(auth=hmac("one"))
    with Echo() as service, spore_client(running.server.control, service.port, secret="one") as client:
        with visitor_of(running.host, client.port):
            policy = {"alice": {"max_conns": 1}}
            running.swap(auth=[{"use": "multi_secret", "secrets": {"alice": "one"}, "policy": policy}])
            with connect(running.host, client.port) as only:
                only.sendall(b"x")
                assert read_exactly(only, 1) == b"x"
                with connect(running.host, client.port) as other:
                    assert other.recv(1) == b"", "the new owner may have one visitor"
        assert "tunnel lost" not in "\n".join(client.process.stderr)


def test_kept_if_asked_to(reloading):
    running = reloading(auth=hmac("one"))
    with Echo() as service, spore_client(running.server.control, service.port, secret="one") as client:
        running.swap(auth=hmac("two"), server={"on_reload": "keep"})
        assert one_exchange(running.host, client.port) == b"ping"


@pytest.mark.parametrize("config, what", [
    ('{ "server": { "max_port": "x" } }', r"server.json:1:27: error: /server/max_port: expected a port"),
    ('{ "auth": [', r"server.json:1:\d+: error: "),
    ('{ "auth": [ { "use": "nothing" } ] }', r"unknown auth plugin"),
    ('{ "auth": [ { "use": "hmac", "secret": { "file": "absent" } } ] }', r"cannot open the secret's file"),
], ids=["option", "syntax", "plugin", "secret"])
def test_what_is_wrong_changes_nothing(reloading, config, what):
    running = reloading(auth=hmac("one"))
    with Echo() as service, spore_client(running.server.control, service.port, secret="one") as client:
        with visitor_of(running.host, client.port):
            line = running.refuse(config)
            assert wait_until(lambda: [each for each in running.server.process.stderr if REFUSED in each], line)
            running.server.process.wait_for(what, stream="stderr")
            assert one_exchange(running.host, client.port) == b"ping"
        with spore_client(running.server.control, service.port, secret="one") as another:
            assert one_exchange(running.host, another.port) == b"ping"


def test_flags_stay(reloading):
    """What the command line said is said again, though its secret was wiped there."""
    running = reloading(extra=["--secret", "s3cret"], limits={"max_tunnels": 5})
    with Echo() as service, spore_client(running.server.control, service.port, secret="s3cret") as client:
        running.swap(limits={"max_tunnels": 1})
        assert one_exchange(running.host, client.port) == b"ping"
        with spore_client(running.server.control, service.port, secret="s3cret", extra=["--no-reconnect"],
                          listening=False) as second:
            assert second.wait() == 1
            assert any("too many tunnels" in line for line in second.process.stderr)


def test_control_port_moves(tmp_path, address):
    """The new one is open before the old one closes; what stands goes on."""
    ports = [address.free_port(), address.free_port()]
    path = tmp_path / "server.json"

    def write(port):
        path.write_text(json.dumps({"server": {"bind_addr": address.host, "control_port": port}}))

    write(ports[0])
    with Echo() as service, Process([spore_binary(), "server", "--config", path], name="spore server") as process:
        process.wait_for(r"server listening", stream="stderr")
        with spore_client((address.host, ports[0]), service.port) as client:
            with visitor_of(address.host, client.port):
                write(ports[1])
                process.signal(signal.SIGHUP)
                process.wait_for(RELOADED, stream="stderr")
                with spore_client((address.host, ports[1]), service.port) as another:
                    assert one_exchange(address.host, another.port) == b"ping"
                with pytest.raises(ConnectionRefusedError):
                    connect(address.host, ports[0])
        process.stop()


def test_over_and_over(reloading):
    """After each a new visitor through the tunnel; nothing is left behind."""
    running = reloading(auth=hmac("one"), log={"level": "debug"})
    process = running.server.process
    with Echo() as service, spore_client(running.server.control, service.port, secret="one") as client:
        assert one_exchange(running.host, client.port) == b"ping"
        before = procfs.descriptors(process.pid)
        with visitor_of(running.host, client.port):
            for i in range(count(40, least=10)):
                if i % 5 == 4:
                    running.refuse('{ "auth": [ { "use": "hmac" } ] }')
                else:
                    running.swap(auth=names(a="two", b="one") if i % 2 else hmac("one"), log={"level": "debug"})
                assert one_exchange(running.host, client.port) == b"ping"
        assert "tunnel lost" not in "\n".join(client.process.stderr)
        wait_until(lambda: procfs.descriptors(process.pid) <= before + 2, "descriptors as before")
        # The instances of the first and of the last are alive: who the tunnel began with, and who judges now.
        ended = sum("plugin instance ended plugin=hmac" in line or "plugin instance ended plugin=multi_secret" in line
                    for line in process.stderr)
        assert ended >= running.swaps - 2
