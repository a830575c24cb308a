"""Limits on tunnels and visitors: excess ones wait or are refused; the others are not affected."""

import contextlib
import json
import re
import socket
import time

import pytest

from harness.admin import Admin
from harness.peers import spore_client, spore_server
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import connected, exchange_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire


@pytest.fixture
def limited(tmp_path, address):
    """Starts a server with these limits."""

    def start(flags=(), **limits):
        path = tmp_path / "limits.json"
        path.write_text(json.dumps({"limits": limits}))
        return spore_server(address, extra=["--config", str(path), *flags])

    return start


def visit_from(source, tunnel):
    """A visitor from this address."""
    return socket.create_connection(
        (tunnel.server.public_host, tunnel.port), timeout=seconds(10), source_address=(source, 0)
    )


def is_refused(visitor):
    """Whether the server closes the visitor at once, without a byte."""
    data, _ = how_it_ends(visitor)
    return data == b""


def answer_to_hello(server, source):
    with contextlib.closing(
        socket.create_connection(server.control, timeout=seconds(10), source_address=(source, 0))
    ) as sock:
        wire = Wire(sock)
        wire.send({"Hello": 0})
        return wire.receive()


@pytest.mark.parametrize("how", ["flag", "flat key"])
def test_tunnels_of_a_source(tmp_path, address, how):
    """Data connections are not counted. Each source has its own count."""
    extra = ["--max-conns-per-ip", "2"]
    if how == "flat key":
        path = tmp_path / "server.json"
        path.write_text(json.dumps({"max_conns_per_ip": 2}))
        extra = ["--config", str(path)]
    with Echo() as service, spore_server(address, extra=extra) as server:
        with spore_client(server.control, service.port) as client, Tunnel(server):
            assert answer_to_hello(server, "127.0.0.1") == {
                "Error": "too many tunnels from this address"
            }
            server.process.wait_for("client refused .* limit=2 from=limits.max_conns_per_ip")
            assert "Hello" in answer_to_hello(server, "127.0.0.2")
            with connected(address.host, client.port, 20) as visitors:
                exchange_all(visitors)
        wait_until(
            lambda: "Hello" in answer_to_hello(server, "127.0.0.1"), "a place to be free again"
        )


def test_tunnels_in_all(limited):
    with limited(max_tunnels=2) as server:
        with Tunnel(server), Tunnel(server) as second:
            assert answer_to_hello(server, "127.0.0.2") == {"Error": "too many tunnels"}
            server.process.wait_for("client refused .* limit=2 from=limits.max_tunnels")
            second.wire.close()
            wait_until(
                lambda: "Hello" in answer_to_hello(server, "127.0.0.2"), "a place to be free again"
            )


def test_visitors_that_wait_on_a_tunnel(limited):
    """Visitors over the limit wait in the kernel. None is refused, and each is announced in the
    end."""
    with limited(max_pending_per_tunnel=2) as server, Tunnel(server) as tunnel, Tunnel(
        server
    ) as other:
        visitors = [tunnel.visit() for _ in range(6)]
        first = tunnel.announced()
        assert len(first) == 2
        for waiting in range(4):
            far = tunnel.accept(first.pop(0))
            far.sendall(b"taken")
            first.append(tunnel.wire.connection())
            assert len(tunnel.announced(0.1)) == 0, f"{waiting} are not announced yet"
        for identity in first:
            tunnel.accept(identity).sendall(b"taken")
        assert all(read_exactly(visitor, 5) == b"taken" for visitor in visitors)
        other.join()  # not delayed by the waiting visitors


def test_visitors_that_wait_in_all(limited):
    with limited(max_pending=2) as server, Tunnel(server) as one, Tunnel(server) as two:
        visitors = [one.visit(), one.visit()]
        ids = one.announced()
        assert len(ids) == 2
        visitors.append(two.visit())
        assert two.announced() == []
        one.accept(ids[0]).sendall(b"taken")
        two.accept(two.wire.connection()).sendall(b"taken")
        assert read_exactly(visitors[0], 5) == read_exactly(visitors[2], 5) == b"taken"


def test_a_tunnel_that_ends_while_its_visitors_wait(limited):
    """Its places become free, and closing its port refuses the visitors in the queue."""
    with limited(max_pending=2) as server, Tunnel(server) as other:
        with Tunnel(server) as tunnel:
            waiting = [tunnel.visit() for _ in range(4)]
            assert len(tunnel.announced()) == 2
        assert is_refused(waiting[3])
        other.visit()
        assert other.announced() == []
        # Two visitors still wait for a client that has left, and time out.
        assert other.wire.connection(timeout=15)


def test_visitors_in_all(limited):
    with limited(max_relays=2) as server, Tunnel(server) as tunnel:
        first, far = tunnel.join()
        second = tunnel.join()
        assert is_refused(tunnel.visit())
        server.process.wait_for(
            r"visitor refused.*the server has reached its visitor limit.*"
            r"limit=2 from=limits\.max_relays",
            stream="stderr",
        )
        first.close()
        far.close()
        wait_until(lambda: not_refused(tunnel), "a place to be free again")
        assert second


def is_announced(tunnel, source):
    """Whether a visitor from this source is announced to the client."""
    with visit_from(source, tunnel):
        return len(tunnel.announced(0.2)) == 1


def not_refused(tunnel):
    visitor = tunnel.visit()
    visitor.settimeout(seconds(0.3))
    try:
        return visitor.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_visitors_of_a_source(limited):
    with limited(max_visitors_per_ip=2) as server, Tunnel(server) as one, Tunnel(server) as two:
        first = visit_from("127.0.0.5", one)
        far = one.accept(one.wire.connection())
        visit_from("127.0.0.5", two)
        two.wire.connection()
        assert is_refused(visit_from("127.0.0.5", one))
        server.process.wait_for(
            r"visitor refused.*the source has reached its visitor limit.*"
            r"limit=2 from=limits\.max_visitors_per_ip",
            stream="stderr",
        )
        visit_from("127.0.0.6", one).sendall(b"hello")
        assert read_exactly(one.accept(one.wire.connection()), 5) == b"hello"
        first.close()
        far.close()
        wait_until(lambda: is_announced(one, "127.0.0.5"), "a place of the source to be free again")


def refused_lines(process):
    return [line for line in process.stderr if "visitor refused" in line]


@pytest.mark.parametrize("flags", [[], ["--log-visitors"]], ids=["paced", "a line for each"])
def test_refused_visitors_in_the_log(limited, tmp_path, flags):
    """At most a line a second, which counts the others; each one, if the operator asks for it. The
    metrics count all."""
    n = 100
    admin = Admin(tmp_path / "admin.sock")
    with limited(max_visitors_per_ip=1, flags=[*admin.flags, *flags]) as server:
        with Tunnel(server) as tunnel, tunnel.visit():
            tunnel.wire.connection()
            began = time.monotonic()
            for _ in range(n):
                assert is_refused(tunnel.visit())
            lasted = time.monotonic() - began
            assert admin.ask("status")["refusals"] == n
            if flags:
                wait_until(lambda: len(refused_lines(server.process)) == n, "all lines")
                assert not any("others=" in line for line in refused_lines(server.process))
                return
            time.sleep(1.1)
            assert is_refused(tunnel.visit())
            others = int(server.process.wait_for(r"visitor refused.* others=(\d+)")[1])
            lines = refused_lines(server.process)
            assert 2 <= len(lines) <= 3 + lasted, lines
            assert others <= n - 1
            wait_until(
                lambda: sum(
                    1 + int(found[1]) if (found := re.search(r"others=(\d+)", line)) else 1
                    for line in refused_lines(server.process)
                )
                == n + 1,
                "the lines to count all",
            )


def test_pace_of_a_source(limited):
    with limited(visitor_rate=2, visitor_burst=3) as server, Tunnel(server) as tunnel:
        began = time.monotonic()
        for _ in range(12):
            visit_from("127.0.0.5", tunnel)
        let_in = len(tunnel.announced())
        most = 3 + 2 * (time.monotonic() - began)
        assert 3 <= let_in <= most
        visit_from("127.0.0.6", tunnel)
        assert tunnel.wire.connection()
        server.process.wait_for(r"visitor refused.*opens connections too fast", stream="stderr")


def test_relay_that_carries_nothing(limited):
    with Echo() as service, limited(relay_idle_timeout="2s") as server:
        with spore_client(server.control, service.port) as client:
            with connect(server.public_host, client.port) as idle, connect(
                server.public_host, client.port
            ) as busy:
                for _ in range(8):
                    busy.sendall(b"x")
                    assert read_exactly(busy, 1) == b"x"
                    time.sleep(seconds(0.5))
                assert how_it_ends(idle) == (b"", "reset")
                busy.sendall(b"y")
                assert read_exactly(busy, 1) == b"y"
            assert one_exchange(server.public_host, client.port) == b"ping"
