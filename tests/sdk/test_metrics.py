"""An exporter that visits the metric families of the host."""

import re
import socket

import pytest

from harness.metrics import Exporter
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends
from harness.visitors import one_exchange
from harness.waiting import wait_until

SPORE_EBACKEND = -11


class Exported:
    """The file that the exporter writes."""

    def __init__(self, path):
        self.path = path

    def text(self):
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return ""

    def value(self, name, labels=""):
        found = re.search(rf"^{name}{{{labels}}} (\S+)$", self.text(), re.MULTILINE)
        return float(found.group(1)) if found else None

    def histogram(self, name):
        """(count, sum, whether the exporter found the invariants to hold, {bound: cumulative})."""
        found = re.search(
            rf"^{name}{{}} count=(\d+) sum=(\S+) (\w+)(.*)$", self.text(), re.MULTILINE
        )
        if not found:
            return None
        buckets = dict(pair.split(":") for pair in found.group(4).split())
        return (
            int(found.group(1)),
            float(found.group(2)),
            found.group(3),
            {float(bound): int(count) for bound, count in buckets.items()},
        )


def exporter(path):
    return [{"use": "file", "file": str(path)}]


def test_the_hosts_own_families_are_visited(host, tmp_path):
    exported = Exported(tmp_path / "metrics")
    with Echo() as service, host.server(metrics=exporter(exported.path), workers=3) as server:
        with host.client(server, service) as client:
            for _ in range(7):
                assert one_exchange(client.host, client.port, b"x" * 100) == b"x" * 100
            wait_until(
                lambda: exported.value("spore_bytes_proxied_total") == 1400,
                "all bytes to be counted",
            )
            assert exported.value("spore_connections_incoming_total") == 7
            assert exported.value("spore_connections_accepted_total") == 7
            assert exported.value("spore_tunnels") == 1
            assert "# spore_tunnels gauge" in exported.text()
            assert "# spore_connections_incoming_total counter" in exported.text()
        wait_until(lambda: exported.value("spore_tunnels") == 0, "the tunnel to go")


def test_its_own_families_are_among_them(host, tmp_path):
    exported = Exported(tmp_path / "metrics")
    with host.server(metrics=exporter(exported.path)):
        wait_until(
            lambda: (exported.value("spore_file_snapshots_total", 'kind="file"') or 0) >= 12,
            "snapshots",
        )
        assert "# spore_file_turns histogram" in exported.text()
        count, total, judgement, buckets = exported.histogram("spore_file_turns")
        assert judgement == "good" and "BAD" not in exported.text()
        # The observations are 1 2 3 4 5 0 1 2 ...
        seen = [turn % 6 for turn in range(1, count + 1)]
        assert total == sum(seen)
        assert buckets == {bound: sum(value <= bound for value in seen) for bound in (1, 2, 4)}


def test_counters_never_go_down(host, tmp_path):
    exported = Exported(tmp_path / "metrics")
    with host.server(metrics=exporter(exported.path)):
        last = 0
        for _ in range(10):
            wanted = last + 1
            last = wait_until(
                lambda: (lambda now: now if now and now >= wanted else None)(
                    exported.value("spore_file_snapshots_total", 'kind="file"')
                ),
                "the next snapshot",
            )


def test_readiness_follows_the_process(host, tmp_path):
    exported = Exported(tmp_path / "metrics")
    with Echo() as service, host.server(metrics=exporter(exported.path)) as server:
        with host.client(server, service) as client:
            wait_until(lambda: exported.text().startswith("ready 1\n"), "ready")
            with connect(client.host, client.port) as visitor:
                visitor.sendall(b"stay")
                assert visitor.recv(4) == b"stay"
                server.process.terminate()
                server.process.wait_for("draining")
                wait_until(
                    lambda: exported.text().startswith("ready 0\n"), "not ready while it drains"
                )
                assert server.process.running
            assert server.stop() == 0


def test_a_client_is_ready_once_its_tunnel_stands(host, tmp_path):
    exported = Exported(tmp_path / "metrics")
    with Echo() as service, host.server() as server:
        with host.client(server, service, metrics=exporter(exported.path)):
            wait_until(lambda: exported.text().startswith("ready 1\n"), "ready", timeout=3)


def test_it_runs_on_one_worker_and_ends_with_a_last_snapshot(host, tmp_path):
    exported = Exported(tmp_path / "metrics")
    with host.server(
        metrics=[{"use": "file", "file": "metrics", "every": "60s"}], workers=4
    ) as server:
        assert not exported.path.exists()
        assert server.stop(seconds(10)) == 0
    assert exported.text().startswith("ready 0\n")


# ---- metrics about plugins, as metrics_prometheus serves them


@pytest.fixture
def prometheus(address):
    """(section of the configuration, Exporter)"""
    port = address.free_port()
    return [{"use": "prometheus", "listen": f"{address.host}:{port}"}], Exporter(address.host, port)


def test_bytes_have_their_identity(host, prometheus, answering):
    section, exporter = prometheus
    auth = [{"use": "policy", "names": ["alice", "bob"]}]
    with Echo() as service, host.server(metrics=section, auth=auth) as server:
        for name, length in (("alice", 100), ("bob", 7)):
            client_auth = [{"use": "policy", "names": [name], "say": name}]
            with host.client(server, service, auth=client_auth) as client:
                assert one_exchange(client.host, client.port, b"x" * length) == b"x" * length
        wait_until(
            lambda: exporter.value("spore_bytes_proxied_total") == 214, "all bytes to be counted"
        )
        page = exporter.page()
        for name, length in (("alice", 100), ("bob", 7)):
            assert page.value("spore_tunnel_up_bytes_total", identity=name) == length
            assert page.value("spore_tunnel_down_bytes_total", identity=name) == length


def test_verdicts_have_their_plugin_and_reason(host, prometheus, answering):
    section, exporter = prometheus
    auth = [
        {"use": "wrong", "name": "broken", "value": SPORE_EBACKEND, "on_error": "next"},
        {"use": "blocking", "name": "slow", "answer": "sesame"},
    ]

    def verdicts(**labels):
        return exporter.value("spore_auth_verdicts_total", **labels)

    with host.server(metrics=section, auth=auth) as server:
        with answering.to(server) as wire:
            wire.tunnel("sesame")
        with answering.to(server) as wire:
            wire.say("please", {"Hello": 0}).expect_error("invalid secret")
        assert verdicts(plugin="broken", verdict="error", reason="backend") == 2
        assert verdicts(plugin="slow", verdict="allow") == 1
        assert verdicts(plugin="slow", verdict="deny") == 1
        page = exporter.page()
        # A blocking instance does not block a worker, but its verdict still takes time.
        assert page.value("spore_plugin_call_seconds_count", plugin="broken", call="verify") == 2
        assert page.value("spore_plugin_call_seconds_count", plugin="slow", call="verify") == 0
        assert page.value("spore_auth_verdict_seconds_count", plugin="slow") == 2
        assert page.value("spore_auth_verdict_seconds_sum", plugin="slow") > 0.05


def test_a_verdict_that_nobody_awaits(host, prometheus, answering):
    section, exporter = prometheus
    with host.server(
        metrics=section, auth=[{"use": "timer", "answer": "x", "never": True}]
    ) as server:
        with answering.to(server) as wire:
            wire.say("please", {"Hello": 0}).expect_error("authentication timed out", timeout=10)
        # The client is told before the verdict is counted, perhaps on another worker.
        wait_until(
            lambda: exporter.value("spore_auth_verdicts_total", plugin="timer", verdict="none")
            == 1,
            "the lost verdict to count",
        )
        assert exporter.value("spore_refusals_total", at="control", reason="auth_too_slow") == 1


def test_access_lists_are_timed_and_refuse(host, prometheus):
    section, exporter = prometheus
    acl = {"public": [{"use": "deny", "point": "public", "deny": ["127.0.7.1"]}]}
    with Echo() as service, host.server(metrics=section, acl=acl) as server:
        with host.client(server, service) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            with socket.create_connection(
                (client.host, client.port), source_address=("127.0.7.1", 0)
            ) as visitor:
                assert how_it_ends(visitor)[0] == b""
        page = exporter.page()
        assert (
            page.value("spore_plugin_call_seconds_count", kind="acl", plugin="deny", call="check")
            == 2
        )
        assert page.value("spore_refusals_total", at="public", reason="access_list") == 1
        assert page.value("spore_connections_incoming_total") == 2
        assert page.value("spore_connections_accepted_total") == 1


def test_a_plugins_text_cannot_break_the_page(host, prometheus, answering):
    section, exporter = prometheus
    name = 'a"b\\c\u00fc'
    with host.server(metrics=section, auth=[{"use": "policy", "names": [name]}]) as server:
        with answering.to(server) as wire:
            wire.tunnel(name)
            page = exporter.page()
            assert page.value("spore_tunnel_up_bytes_total", identity='a\\"b\\\\c\u00fc') == 0
