"""Listeners for events: their order, what a slow or hanging one costs, and how they end."""

import re
import signal

import pytest

from harness.metrics import Exporter
from harness.scale import count
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.waiting import wait_until

TUNNEL_OPENED, TUNNEL_CLOSED, ACCEPTED, REFUSED, ENDED, ALLOWED, TURNED_AWAY, RELOADED = range(1, 9)


@pytest.fixture
def exporter(address):
    return Exporter(address.host, address.free_port())


def exported_at(exporter):
    return [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]


def reload(host, server, **sections):
    config = host.server_config(**sections)
    config["server"]["control_port"] = server.control[1]
    host.write(config, f"server{server.control[1]}.json")
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded")


def events(server, plugin="tell"):
    """The events that the plugin has logged: (type, port, reason)."""
    pattern = rf'"?event (\d+) port=(\d+) .* reason=(\w*)"? plugin="?{plugin}"?$'
    found = [re.search(pattern, line) for line in server.process.stderr]
    return [(int(m[1]), int(m[2]), m[3]) for m in found if m]


def types(server, **options):
    return [event[0] for event in events(server, **options)]


def test_events_come_in_their_order(host):
    with host.server(events=[{"use": "tell"}]) as server, Echo() as service:
        with host.client(server, service) as client:
            for number in range(3):
                assert one_exchange(client.host, client.port) == b"ping"
                wait_until(lambda n=number: types(server).count(ENDED) == n + 1, "its end")
            port = client.port
        wait_until(lambda: TUNNEL_CLOSED in types(server), "the last event")
        seen = events(server)
        assert seen[0] == (TUNNEL_OPENED, port, "") and seen[-1][:2] == (TUNNEL_CLOSED, port)
        assert [event[0] for event in seen[1:-1]] == [ACCEPTED, ENDED] * 3
        assert {event[2] for event in seen[1:-1]} == {"", "closed"}


def test_a_listener_that_hangs_delays_nobody(host, tmp_path, exporter):
    """Visitors go on; the other listener hears all; the counter has the rest."""
    go_on = tmp_path / "go on"
    stuck = {"use": "tell", "name": "stuck", "until": str(go_on), "queue": 5}
    visitors = 30
    with Echo() as service, host.server(
        events=[stuck, {"use": "tell"}], metrics=exported_at(exporter)
    ) as server, host.client(server, service) as client:
        for _ in range(visitors):
            assert one_exchange(client.host, client.port) == b"ping"
        wait_until(lambda: len(events(server)) == 1 + 2 * visitors, "all events")
        assert events(server, plugin="stuck") == []
        # One batch is inside, of at least one event, and five wait.
        dropped = exporter.value("spore_events_dropped_total", plugin="stuck")
        assert 0 < dropped <= 1 + 2 * visitors - 6
        assert exporter.value("spore_events_dropped_total", plugin="tell") == 0
        assert exporter.value("spore_events_total", plugin="tell") == 1 + 2 * visitors
        server.process.wait_for("event dropped: the plugin is too slow")
        go_on.touch()
        wait_until(lambda: len(events(server, plugin="stuck")) > 5, "those that waited")
        assert one_exchange(client.host, client.port) == b"ping"
        server.process.wait_for(f"missed events plugin=stuck n={int(dropped)}")
        wait_until(
            lambda: len(events(server, plugin="stuck")) == 1 + 2 * visitors - dropped + 2,
            "the events of the other listener",
        )


def test_a_reload_goes_on_without_the_one_that_hangs(host, tmp_path):
    """The new instance hears what comes; the old one ends when it returns."""
    go_on = tmp_path / "go on"
    old = {"use": "tell", "name": "old", "until": str(go_on)}
    with host.server(events=[old]) as server, Echo() as service:
        with host.client(server, service) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            reload(host, server, events=[{"use": "tell", "name": "new"}])
            assert one_exchange(client.host, client.port) == b"ping"
            wait_until(lambda: ENDED in types(server, plugin="new"), "the visitor's events")
            assert types(server, plugin="new") == [RELOADED, ACCEPTED, ENDED]
            assert events(server, plugin="old") == []
            go_on.touch()
            wait_until(lambda: ENDED in types(server, plugin="old"), "the old events")
            assert types(server, plugin="old") == [TUNNEL_OPENED, ACCEPTED, ENDED]


def test_the_last_events_arrive_before_the_end(host):
    """TERM: the server drains, cuts off the visitor, and tells of it."""
    slow = {"use": "tell", "delay": "100ms"}
    with Echo() as service, host.server(
        server={"drain_timeout": "200ms"}, events=[slow]
    ) as server, host.client(server, service) as client:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"ping")
            assert visitor.recv(4) == b"ping"
            assert server.stop() in (0, 1)
        assert types(server)[:2] == [TUNNEL_OPENED, ACCEPTED]
        rest = [event for event in types(server)[2:] if event != TURNED_AWAY]
        assert sorted(rest) == [TUNNEL_CLOSED, ENDED]
        client.process_was_ended = True
        client.process.stop()


def test_a_listener_that_hangs_does_not_prevent_the_end(host, tmp_path):
    stuck = {"use": "tell", "until": str(tmp_path / "never")}
    with host.server(events=[stuck]) as server, Echo() as service:
        with host.client(server, service) as client:
            assert one_exchange(client.host, client.port) == b"ping"
        server.process_was_ended = True
        server.process.terminate()
        assert server.process.wait(timeout=15) in (0, 1)
        server.process.wait_for("plugin still busy")


def test_many_events_and_reloads(host):
    """Under load every visitor that was accepted ends once, over all instances."""
    visitors = count(300, least=60)
    with host.server(events=[{"use": "tell", "queue": 100000}]) as server, Echo() as service:
        with host.client(server, service) as client:
            for number in range(visitors):
                assert one_exchange(client.host, client.port) == b"ping"
                if number % 50 == 25:
                    server.process.signal(signal.SIGHUP)
        wait_until(lambda: types(server).count(ENDED) == visitors, "all ends", timeout=20)
        assert types(server).count(ACCEPTED) == visitors
