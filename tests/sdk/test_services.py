"""Every service of the host, used once on each worker; and resources that a plugin leaks."""

import pytest

from harness.loopback import port_is_free
from harness.metrics import Exporter
from harness.waiting import wait_until

TREE = {"list": [1, "two", True, None], "pi": 3.5}


@pytest.fixture
def services(address):
    """The entry of the instance and its listening port."""
    port = address.free_port()
    entry = {
        "use": "services",
        "name": "all of it",
        "tree": TREE,
        "listen": f"{address.host}:{port}",
    }
    return entry, port


def failures(process):
    return [line for line in process.stderr if "service failed" in line]


def warnings(process):
    return [line for line in process.stderr if "leaked timers" in line]


@pytest.mark.parametrize("workers", [1, 4])
def test_every_service_keeps_its_promise(host, services, workers, answering):
    entry, port = services
    with host.server(auth=[entry], workers=workers) as server:
        assert not port_is_free(server.public_host, port)
        server.process.wait_for("services done .*worker=", times=workers)
        with answering.to(server) as wire:
            wire.tunnel("anything")
        assert server.stop() == 0
    assert failures(server.process) == []
    assert warnings(server.process) == []


def test_untrusted_text_is_escaped_in_the_log(host, services):
    entry, _ = services
    with host.server(auth=[entry]) as server:
        server.process.wait_for(r'two\\x0alines plugin="all of it" text="a\\x0ab\\x1b"')


def test_a_metric_that_is_refused_is_named(host, services):
    entry, _ = services
    with host.server(auth=[entry]) as server:
        server.process.wait_for('metric refused .*metric="spore_services_Not a name"')


def test_leaks_are_stopped_and_named(host, services):
    entry, _ = services
    with host.server(auth=[{**entry, "leak": True}], workers=2) as server:
        server.process.wait_for("services done .*worker=", times=2)
        assert server.stop() == 0
    lines = warnings(server.process)
    assert len(lines) == 2, server.process.log()
    assert all('plugin="all of it"' in line and "count=3" in line for line in lines)
    assert {line.rsplit("worker=", 1)[1] for line in lines} == {"0", "1"}
    assert failures(server.process) == []


def test_it_may_end_at_once(host, services):
    """TERM arrives while look-ups, jobs and threads still run."""
    for _ in range(5):
        entry, _ = services
        with host.server(auth=[entry], workers=4) as server:
            assert server.stop() == 0
        assert failures(server.process) == []


def test_every_thread_can_count(host, services, address):
    """create(), the workers, a thread of the plugin's and a job on the pool."""
    entry, _ = services
    port = address.free_port()
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    with host.server(auth=[entry], workers=3, metrics=metrics) as server:
        server.process.wait_for("services done .*worker=", times=3)
        exporter = Exporter(address.host, port)
        calls = 10 + 3 * (2 + 100 + 1000)
        wait_until(
            lambda: exporter.page().value("spore_services_calls_total", who="me") == calls,
            "all calls to be counted",
        )
        page = exporter.page()
        assert page.value("spore_services_level") == 100 + 3 * 5
        assert page.value("spore_services_took_count") == 4
        assert page.value("spore_services_took_sum") == 0.25 + 3 * 0.75
        assert page.value("spore_services_took_bucket", le="0.5") == 1
