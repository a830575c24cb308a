"""Shared ports with an entry of "public": their transports, the addresses that these tell, and
clients that end while a visitor is in its handshake."""

import contextlib
import json
import signal
import time

import pytest

from harness import fronts
from harness.shares import SECRET, Load, named_services, sharing_server, start
from harness.sockets import connect, read_exactly
from harness.tls import client_context
from harness.waiting import wait_until

PROXY = {"use": "proxy", "trusted": ["127.0.0.1"]}


@pytest.fixture
def services(tmp_path):
    """Services by name: a, b, c and d."""
    with named_services(tmp_path, "abcd") as running:
        yield running


def public(*transports):
    return [{"ports": "1-65535", "transport": list(transports)}]


@pytest.fixture
def behind_a_proxy(address, tmp_path):
    with sharing_server(address, tmp_path, public=public(PROXY)) as running:
        yield running


def test_tls_ends_at_the_port(address, services, tmp_path, authority, certificate):
    """Under load one client is drained, one loses its service, and one is killed."""
    tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
    context = client_context(authority)

    def wrap(sock):
        return context.wrap_socket(sock, server_hostname=address.host)

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sharing_server(address, tmp_path, public=public(tls)))
        clients = {
            name: stack.enter_context(start(server, tmp_path, service, name))
            for name, service in services.items()
        }
        with Load(server.public_host, server.port, threads=4, wrap=wrap) as load:
            load.go_on(60)
            assert clients["b"].stop() == 0
            load.go_on(40)
            services["c"].stop()
            load.go_on(40)
            assert load.failures == []
            clients["a"].process_was_ended = True
            clients["a"].process.signal(signal.SIGKILL)
            load.go_on(40)
            load.stop()
        assert set(load.served) == set(services)
        assert len(load.failures) <= 4, load.failures
        assert all(name in ("", "a") for name, _ in load.failures), load.failures


def test_a_source_is_the_one_that_the_proxy_tells(behind_a_proxy, services, tmp_path):
    """All visitors come from the address of the proxy, and each source stays with its client."""
    server = behind_a_proxy
    sources = [f"192.0.2.{number}" for number in range(1, 61)]

    def ask_all():
        found = {}
        for source in sources:
            with connect(server.public_host, server.port) as visitor:
                visitor.sendall(fronts.line(source))
                found[source] = read_exactly(visitor, 1).decode()
        return found

    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(start(server, tmp_path, services[name], name, by="source"))
            for name in "abc"
        }
        first = ask_all()
        assert set(first.values()) == set("abc")
        assert ask_all() == first
        assert clients["b"].stop() == 0
        second = ask_all()
        assert all(second[each] == first[each] for each in sources if first[each] != "b")
        assert "b" not in second.values()


@contextlib.contextmanager
def in_their_handshakes(server, number):
    """Visitors whose header has not come."""
    with contextlib.ExitStack() as stack:
        visitors = [
            stack.enter_context(connect(server.public_host, server.port)) for _ in range(number)
        ]
        time.sleep(0.3)
        yield visitors


def end_handshakes(visitors):
    """The names of their services."""
    for visitor in visitors:
        visitor.sendall(fronts.line("192.0.2.7"))
    return [read_exactly(visitor, 1).decode() for visitor in visitors]


@pytest.mark.parametrize("way", ["killed", "drained"])
def test_a_client_that_ends_loses_no_visitor_in_its_handshake(
    behind_a_proxy, services, tmp_path, way
):
    server = behind_a_proxy
    with start(server, tmp_path, services["a"], "a") as first:
        with start(server, tmp_path, services["b"], "b"), in_their_handshakes(server, 6) as six:
            first.process_was_ended = True
            first.process.signal(signal.SIGKILL if way == "killed" else signal.SIGTERM)
            first.process.wait()
            server.process.wait_for("client left")
            assert end_handshakes(six) == ["b"] * 6


def test_visitors_are_placed_by_the_load_after_their_handshakes(behind_a_proxy, services, tmp_path):
    """All of them were meant for the first client, since the second one came later."""
    server = behind_a_proxy
    with contextlib.ExitStack() as stack:
        stack.enter_context(start(server, tmp_path, services["a"], "a"))
        four = stack.enter_context(in_their_handshakes(server, 4))
        stack.enter_context(start(server, tmp_path, services["b"], "b"))
        assert [end_handshakes([visitor])[0] for visitor in four] == list("bbaa")


def test_a_reload_keeps_visitors_in_their_handshakes(address, services, tmp_path):
    """They go with their tunnels to the next owner."""
    auth = [{"use": "multi_secret", "secrets": {"alice": SECRET}}]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            sharing_server(address, tmp_path, auth=auth, public=public(PROXY))
        )
        for name in "ab":
            stack.enter_context(start(server, tmp_path, services[name], name))
        path = next(tmp_path.glob("server*.json"))
        config = json.loads(path.read_text())
        config["auth"][0]["policy"] = {"alice": {"max_conns": 6}}
        path.write_text(json.dumps(config))
        six = stack.enter_context(in_their_handshakes(server, 6))
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded")
        time.sleep(0.5)
        assert sorted(end_handshakes(six)) == list("aaabbb")
        # They count for the next owner.
        with connect(server.public_host, server.port) as seventh:
            seventh.sendall(fronts.line("192.0.2.7"))
            server.process.wait_for("visitor refused")
        for visitor in six:
            visitor.close()

        def is_served():
            with contextlib.suppress(AssertionError, OSError):
                with connect(server.public_host, server.port) as visitor:
                    return end_handshakes([visitor])[0] in "ab"
            return False

        wait_until(is_served, "room for a visitor")
