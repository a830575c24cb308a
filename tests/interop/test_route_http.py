"""What else HTTP is used for passes untouched through a routed port with route_http: real nginx
behind two clients, and a service behind nginx.

visitor ──▶ spore server ┬▶ client ──▶ nginx (one.alice.example) ──▶ service
                         └▶ client ──▶ nginx (bob.example) ──▶ service
"""

import contextlib
import time

import pytest

from harness.scale import seconds
from harness.services import Http, Inbox
from harness.routed_port import RoutedPort
from harness.sockets import read_exactly, read_to_end
from harness.waiting import wait_until
from harness.web_socket import EchoSocket, talk
from harness.websites import Website

NAMES = {"alice": "one.alice.example", "bob": "bob.example"}
ROUTE_TIMEOUT = 1.0


@pytest.fixture
def start(address, tmp_path):
    """Starts a server, and for each client a site in front of the service at this place; returns
    the routed port and the sites."""
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(EchoSocket(address.host))

        def start(service):
            entry = {"route": [{"use": "http"}], "route_timeout": f"{seconds(ROUTE_TIMEOUT)}s"}
            shared = RoutedPort(address, tmp_path, stack, entry)
            sites = {}
            for client, name in NAMES.items():
                place = f"{address.host}:{address.free_port()}"
                folder = tmp_path / f"site-{client}"
                site = Website(folder, place, echo.place, f"{service.host}:{service.port}")
                sites[client] = stack.enter_context(site)
                shared.client(client, name, local=place)
            return shared, sites

        yield start


def request(name, path, *fields, method="GET"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {name}", *fields, "", ""]
    return "\r\n".join(lines).encode()


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(sock, 1)
    return head


def test_web_sockets(start):
    with Http() as service:
        shared, sites = start(service)
        messages = ["short", "long " * 20000, b"\x00\xff"]
        for client, name in NAMES.items():
            uri = f"ws://{name}:{shared.port}/socket"
            assert talk(uri, (shared.host, shared.port), messages) == messages
            site = sites[client]
            seen = (name, "HTTP/1.1", "101", "/socket")
            wait_until(lambda: seen in site.requests, "the log of nginx")
            assert len(site.requests) == 1


def test_long_polling(start):
    """The answer may take longer than the host may take to find the tunnel."""
    with Inbox() as service:
        shared, _ = start(service)
        visitors = [shared.connect() for _ in NAMES]
        for visitor, name in zip(visitors, NAMES.values()):
            visitor.sendall(request(name, f"/news-for-{name}"))
        polls = [service.take() for _ in NAMES]
        asked = [read_head(poll).split()[1].decode() for poll in polls]
        time.sleep(seconds(1.5 * ROUTE_TIMEOUT))
        for poll, path in zip(polls, asked):
            body = f"the{path}".encode()
            poll.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            poll.close()
        for visitor, name in zip(visitors, NAMES.values()):
            assert read_head(visitor).startswith(b"HTTP/1.1 200 ")
            expected = f"the/news-for-{name}".encode()
            assert read_exactly(visitor, len(expected)) == expected


def test_a_body_that_waits_for_100_continue(start):
    """The visitor sends nothing of it until nginx says so."""
    with Http() as service:
        shared, _ = start(service)
        for client, name in NAMES.items():
            visitor, body = shared.connect(), f"the body for {client}".encode()
            fields = [f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close"]
            visitor.sendall(request(name, "/form", *fields, method="POST"))
            assert read_head(visitor).startswith(b"HTTP/1.1 100 ")
            visitor.sendall(body)
            head, _, answer = read_to_end(visitor).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert answer == body


def test_pipelined_requests(start):
    """All of them come in one write; nginx answers them in order."""
    with Http() as service:
        shared, sites = start(service)
        for client, name in NAMES.items():
            visitor = shared.connect()
            paths = [f"/{number}" for number in range(20)]
            last = request(name, "/end", "Connection: close")
            visitor.sendall(b"".join(request(name, path) for path in paths) + last)
            answers = read_to_end(visitor)
            at = [answers.index(b"you asked for %s" % path.encode()) for path in [*paths, "/end"]]
            assert at == sorted(at)
            assert answers.count(b"HTTP/1.1 200 ") == 21
            site = sites[client]
            wait_until(lambda: len(site.requests) == 21, "the log of nginx")


def test_later_requests_stay_with_the_first_tunnel(start):
    """The decision is for the connection: nginx sees the other host."""
    with Http() as service:
        shared, sites = start(service)
        visitor = shared.connect()
        visitor.sendall(request(NAMES["bob"], "/first"))
        length = len(b"you asked for /first")
        assert read_head(visitor).startswith(b"HTTP/1.1 200 ")
        assert read_exactly(visitor, length) == b"you asked for /first"
        visitor.sendall(request(NAMES["alice"], "/second", "Connection: close"))
        assert read_to_end(visitor).endswith(b"you asked for /second")
        assert [host for host, *_ in sites["bob"].requests] == [NAMES["bob"], NAMES["alice"]]
        assert sites["alice"].requests == []
