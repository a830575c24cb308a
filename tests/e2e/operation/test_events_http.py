"""Events that are posted to a web service: what it gets, and what it costs if it fails."""

import contextlib
import pathlib
import threading
import time

import pytest

from harness.metrics import Exporter
from harness.peers import configured_server, spore_client
from harness.scale import count
from harness.services import Echo
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.web_service import WebService

SECRET = [{"use": "multi_secret", "secrets": {"alice": "s3cret"}}]
TOKEN = "a token that nobody may see"


@pytest.fixture
def exporter(address):
    return Exporter(address.host, address.free_port())


@pytest.fixture
def serve(address, tmp_path, exporter):
    """Starts a server that posts its events to the service."""

    def start(service, scheme="http", **options):
        entry = {
            "use": "http",
            "url": f"{scheme}://{address.host}:{service.port}/events",
            "token": TOKEN,
            "delay": "20ms",
            "breaker_pause": "50ms",
            **options,
        }
        return configured_server(
            address,
            tmp_path,
            auth=SECRET,
            events=[entry],
            metrics=[{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}],
        )

    return start


def bodies(service):
    return [body for _, _, body in list(service.requests)]


def events(service):
    """The events of all requests, once each."""
    once = {body["id"]: body["events"] for body in bodies(service)}
    return [event for group in once.values() for event in group]


def names(service):
    return [event["event"] for event in events(service)]


def take_all(_, __):
    return 200, {}


@contextlib.contextmanager
def client_of(server):
    with Echo() as service, spore_client(server.control, service.port, secret="s3cret") as client:
        yield client


def test_the_service_gets_all_events(address, serve):
    with WebService((address.host, 0), take_all) as service:
        with serve(service) as server:
            with client_of(server) as client:
                assert one_exchange(client.host, client.port) == b"ping"
                port = client.port
                wait_until(lambda: "visitor_ended" in names(service), "the visitor's end")
            wait_until(lambda: "tunnel_closed" in names(service), "the tunnel's end")
            log = server.process.log()
        assert names(service) == [
            "client_allowed", "tunnel_opened", "visitor_accepted", "visitor_ended", "tunnel_closed",
        ]  # fmt: skip
        ended = events(service)[3]
        assert ended["identity"] == "alice" and ended["port"] == port
        assert (ended["bytes_up"], ended["bytes_down"], ended["reason"]) == (4, 4, "closed")
        for path, headers, body in service.requests:
            assert path == "/events" and headers["Authorization"] == f"Bearer {TOKEN}"
            assert headers["Content-Type"] == "application/json"
            assert body["version"] == 1 and body["dropped"] == 0 and len(body["id"]) == 32
        assert TOKEN not in log


def test_requests_have_a_largest_size(address, serve):
    visitors = count(40, least=10)
    with WebService((address.host, 0), take_all) as service:
        with serve(service, batch=7, delay="200ms") as server, client_of(server) as client:
            for _ in range(visitors):
                assert one_exchange(client.host, client.port) == b"ping"
            wait_until(lambda: names(service).count("visitor_ended") == visitors, "all events")
        sizes = [len(body["events"]) for body in bodies(service)]
        assert max(sizes) == 7


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_service_that_fails_gets_the_same_events_again(address, serve, exporter, status):
    broken = threading.Event()
    broken.set()

    def reply(*_):
        return (status if broken.is_set() else 204), {}

    with WebService((address.host, 0), reply) as service:
        with serve(service, breaker_failures=1) as server, client_of(server) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            wait_until(lambda: len(service.requests) >= 2, "another try")
            broken.clear()
            assert one_exchange(client.host, client.port) == b"ping"
            wait_until(lambda: names(service).count("visitor_ended") == 2, "all events")
            server.process.wait_for("the service for events works again")
            first, second = bodies(service)[:2]
            assert first == second
            assert names(service)[:2] == ["client_allowed", "tunnel_opened"]
            assert exporter.value("spore_http_event_posts_total", result="bad_status") >= 2
            assert sum(exporter.page().find("spore_http_events_lost_total")) == 0


def test_events_that_are_rejected_are_lost(address, serve, exporter):
    def reply(_, body):
        rejected = any(event["event"] == "tunnel_opened" for event in body["events"])
        return (400 if rejected else 200), {}

    with WebService((address.host, 0), reply) as service:
        with serve(service, batch=1) as server, client_of(server):
            wait_until(lambda: len(service.requests) == 2, "both events")
            server.process.wait_for("the service rejects events: status 400")
            server.process.wait_for("events are lost: 1 so far")
            wait_until(
                lambda: exporter.value("spore_http_events_lost_total", reason="rejected") == 1,
                "the lost event",
            )


def test_events_are_given_up_after_a_while(address, serve, exporter):
    with WebService((address.host, 0), lambda *_: (500, {})) as service:
        with serve(service, retry_for=0) as server, client_of(server):
            lost = "spore_http_events_lost_total"
            wait_until(lambda: exporter.value(lost, reason="gave_up") == 2, "two lost events")
            server.process.wait_for("events are lost: 2 so far")


def test_an_outage_is_one_line_and_few_requests(address, serve):
    """Whichever events are lost: the pauses grow, and the end says how long and how many."""
    broken = threading.Event()
    broken.set()

    def reply(*_):
        return (500 if broken.is_set() else 204), {}

    visitors = 20
    with WebService((address.host, 0), reply) as service:
        with serve(service, retry_for=0, batch=1, retry_pause="1s") as server, client_of(
            server
        ) as client:
            began = time.monotonic()
            for _ in range(visitors):
                assert one_exchange(client.host, client.port) == b"ping"
            wait_until(lambda: len(service.requests) >= 4, "some tries")
            # After 0 s, 0.5 s, 1.5 s, 2.5 s and so on.
            assert len(service.requests) <= 2 + (time.monotonic() - began + 0.5) / 1
            log = server.process.log()
            assert log.count("events were not posted: status 500") == 1
            broken.clear()
            server.process.wait_for(
                r"the service for events works again: it failed for \d+ s; "
                r"[1-9]\d* events were lost meanwhile"
            )


def test_a_service_that_hangs_delays_nobody(address, serve, exporter):
    """The queue fills; the service hears later how many events it has missed."""
    go_on = threading.Event()

    def reply(*_):
        go_on.wait(60)
        return 200, {}

    visitors = 20
    with WebService((address.host, 0), reply) as service:
        with serve(service, queue=5, timeout="60s") as server, client_of(server) as client:
            wait_until(lambda: service.requests, "the first request")
            for _ in range(visitors):
                assert one_exchange(client.host, client.port) == b"ping"
            dropped = exporter.value("spore_events_dropped_total", plugin="http")
            assert dropped > 0
            go_on.set()
            wait_until(lambda: len(events(service)) >= 6, "those that waited")
            assert one_exchange(client.host, client.port) == b"ping"
            wait_until(lambda: any(body["dropped"] for body in bodies(service)), "the loss")
            server.process.wait_for(r"events are lost: \d+ so far")
        told = sum(body["dropped"] for body in bodies(service))
        assert told >= dropped


def test_certificates_are_verified(address, serve, exporter, authority, certificate):
    other = authority.issue("DNS:elsewhere.example")
    root = str(pathlib.Path(authority.path))
    with WebService((address.host, 0), take_all, other) as service:
        with serve(service, scheme="https", cacertfile=root) as server, client_of(server):
            server.process.wait_for("events were not posted: .*certificate")
            assert exporter.value("spore_http_event_posts_total", result="untrusted") >= 1
            assert service.requests == []
    with WebService((address.host, 0), take_all, certificate) as service:
        with serve(service, scheme="https", cacertfile=root) as server, client_of(server):
            wait_until(lambda: "tunnel_opened" in names(service), "the events")


def test_the_last_events_are_posted_at_the_end(address, serve):
    with WebService((address.host, 0), take_all) as service:
        with serve(service, delay="30s") as server:
            with client_of(server) as client:
                assert one_exchange(client.host, client.port) == b"ping"
            assert server.stop() == 0
        # Which of the two comes first is not said.
        assert sorted(names(service)[-2:]) == ["tunnel_closed", "visitor_ended"]
