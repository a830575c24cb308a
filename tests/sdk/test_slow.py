"""Calls into plugins that are slow or hang: the log names the plugin, the call, the thread and the
duration, the process reports that it is not ready, and all other workers serve."""

import json
import re
import time

import pytest

from harness.admin import Admin
from harness.metrics import Exporter
from harness.peers import spore_binary
from harness.process import run
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect
from harness.waiting import wait_until

# Workers of a server of which one may hang. Most tests need one that is not worker 0.
WORKERS = 4


def slow(where, lasts, **options):
    return [{"use": "slow", "name": "staff", "in": where, "lasts": lasts, **options}]


def line(level, event, call, thread, duration=r"\d+"):
    return (
        rf'^\S+Z {level:5} {event} plugin=staff call={call} thread="?({thread})"? '
        rf"duration_ms=({duration})"
    )


def blocked(call, thread=r"worker \d", duration=r"\d+"):
    return line("warn", "plugin blocked a worker", call, thread, duration)


def hangs(call, thread=r"worker \d"):
    return line("error", "plugin hangs", call, thread)


def returned(call, thread=r"worker \d"):
    return line("warn", "plugin returned", call, thread)


@pytest.fixture
def exporter(address):
    return Exporter(address.host, address.free_port())


def section(exporter):
    return [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path / "admin.sock")


# ---- slow calls


def test_a_hundred_knocks_at_a_slow_verify(host, answering, exporter):
    """One line a second for each plugin and call, which counts the others."""
    auth = slow("verify", "300ms")
    with host.server(workers=WORKERS, auth=auth, metrics=section(exporter)) as server:
        wires = [answering.to(server) for _ in range(100)]
        for wire in wires:
            assert list(wire.receive()) == ["Challenge"]
        begun = time.monotonic()
        for wire in wires:
            wire.send({"Authenticate": "knock"}, {"Hello": 0})
        server.process.wait_for(blocked("verify", duration=r"3\d\d"), stream="stderr")

        def are_equal():
            page = exporter.page(timeout=60)  # its worker is slow, too
            calls = page.value("spore_plugin_call_seconds_count", plugin="staff", call="verify")
            slow_calls = page.value("spore_plugin_slow_calls_total", plugin="staff")
            return 20 < count_blocked(server) == slow_calls == calls

        wait_until(are_equal, "as many in the log as in the metrics", timeout=30)
        lines = [each for each in server.process.stderr if "plugin blocked" in each]
        assert len(lines) <= time.monotonic() - begun + 1, "no flood"
        for wire in wires:
            wire.close()


def count_blocked(server):
    """The slow calls that the log has told of."""
    pattern = re.compile(r"plugin blocked a worker .* duration_ms=\d+(?: calls=(\d+))?$")
    return sum(int(found[1] or 1) for found in map(pattern.search, server.process.stderr) if found)


def test_a_verify_of_a_second_and_a_half(host, answering, exporter):
    """It may be over before the watchdog looks. The lag of its worker is a metric."""
    auth = slow("verify", "1500ms")
    with host.server(workers=2, auth=auth, metrics=section(exporter)) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0})
            found = server.process.wait_for(
                f"{returned('verify')}|{blocked('verify')}", stream="stderr"
            )
            assert 1490 <= int(found[2] or found[4]) < 1500 + seconds(1000)
            page = exporter.page(timeout=60)
            lags = [page.value("spore_worker_lag_seconds", worker=each) for each in "01"]
            assert 1.49 <= max(lags) < 1.5 + seconds(1), "the worker that was asked"
            assert min(lags) < 1.4, "the other one"


def test_quick_calls_are_not_told(host, answering):
    with host.server(auth=slow("verify", "1ms")) as server:
        with answering.to(server) as wire:
            wire.tunnel("anything")
            time.sleep(1.5)
        assert server.stop() == 0
        assert not re.search("blocked|hangs|returned", server.process.log())


def test_the_limit_is_an_option(host, answering, exporter):
    """A reload applies it at once."""
    plugins = {**host.plugins(), "slow_after": "0"}
    auth = slow("verify", "200ms")
    with host.server(auth=auth, plugins=plugins, metrics=section(exporter)) as server:
        answering.to(server).tunnel("anything").close()
        time.sleep(1.5)
        assert not any("blocked" in each for each in server.process.stderr)
        path = host.folder / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        config["plugins"]["slow_after"] = "150ms"
        path.write_text(json.dumps(config))
        server.process.signal(1)
        server.process.wait_for("configuration reloaded", stream="stderr")
        answering.to(server).tunnel("anything").close()
        server.process.wait_for(blocked("verify", duration=r"(?:19|[23]\d)\d"), stream="stderr")


def test_a_slow_timer(host):
    with host.server(workers=1, auth=slow("timer", "250ms")) as server:
        server.process.wait_for(blocked("on_timer", "worker 0"), stream="stderr")


# ---- calls that hang


def stall(server, answering, wires):
    """Makes a worker that is not worker 0 hang; returns its name. The kernel chooses the worker
    of a connection."""
    told = 0
    for _ in range(20):
        wires.append(answering.to(server).say("stall", {"Hello": 0}))
        told += 1
        thread = server.process.wait_for(hangs("verify"), stream="stderr", times=told)[1]
        if thread != "worker 0":
            return thread
        server.process.wait_for(returned("verify"), stream="stderr")
        told = sum(bool(re.search(hangs("verify"), each)) for each in server.process.stderr)
    pytest.fail("worker 0 gets all connections")


@pytest.mark.parametrize("busy", [False, True], ids=["sleeps", "computes"])
def test_a_verify_that_hangs(host, answering, exporter, admin, busy):
    """The process is not ready until the worker returns. The other workers serve meanwhile."""
    auth = slow("verify", "5s", answer="stall", busy=busy)
    with host.server(
        workers=WORKERS,
        auth=auth,
        plugins={**host.plugins(), "unready_after": "2s"},
        metrics=section(exporter),
        admin={"socket": admin.path},
    ) as server, Echo() as service:
        with host.client(server, service, auth=[{"use": "hang"}]) as client:
            visitors = [connect(server.public_host, client.port) for _ in range(16)]
            assert count_served(visitors, 10) == len(visitors)
            assert exporter.get("/readyz")[::2] == (200, "ready\n")
            assert admin.ask("status")["ready"] is True
            wires = []
            thread = stall(server, answering, wires)
            wait_until(lambda: exporter.get("/readyz")[0] == 503, "not ready")
            text = exporter.get("/readyz")[2]
            assert re.fullmatch(
                rf"not ready: {thread} hangs for \d s in plugin staff, call verify\n", text
            )
            status = admin.ask("status")
            assert status["ready"] is False and thread in status["not_ready"]
            (hanging,) = status["hanging"]
            assert hanging["thread"] == thread and hanging["duration_ms"] >= 2000
            assert (hanging["plugin"], hanging["call"]) == ("staff", "verify")
            shown = admin.ctl("status")
            assert re.search(rf"not ready +{thread} hangs", shown), shown
            assert re.search(rf"hangs +{thread} for \d\.\d s in staff, call verify", shown), shown
            assert count_served(visitors, 0.5) >= 4, "those of the other workers"
            lasted = int(server.process.wait_for(returned("verify"), stream="stderr")[2])
            assert 4990 <= lasted < 5000 + seconds(2000)
            wait_until(lambda: exporter.get("/readyz")[0] == 200, "ready again")
            assert admin.ask("status")["hanging"] == []
            told = [each for each in server.process.stderr if re.search(hangs("verify"), each)]
            assert 2 <= len(told) <= 3 * len(wires), "after 1, 2 and 4 seconds"
            assert count_served(visitors, 10) == len(visitors)
            for each in visitors + wires:
                each.close()


def count_served(visitors, timeout):
    """How many get their echo in time. A late echo is read with the next one."""
    served = 0
    for visitor in visitors:
        visitor.sendall(b"ping")
    deadline = time.monotonic() + seconds(timeout)
    for visitor in visitors:
        visitor.settimeout(max(deadline - time.monotonic(), 0.05))
        try:
            served += visitor.recv(4096).endswith(b"ping")
        except TimeoutError:
            pass
    return served


def passing(name, word, lasts):
    return {"use": "slow", "name": name, "word": word, "lasts": lasts}


@pytest.mark.parametrize("at", [0, 1], ids=["below", "above"])
def test_a_stream_of_a_transport(host, at):
    """The one that hangs is named, wherever it is in the stack."""
    transport = [passing("other", "nothing", "0"), passing("other2", "nothing", "0")]
    transport[at] = passing("staff", "stall", "2500ms")
    with host.server(transport=transport) as server:
        with connect(*server.control) as wire:
            wire.sendall(b"stall\0")
            server.process.wait_for(hangs("readv"), stream="stderr")
            found = server.process.wait_for(returned("readv"), stream="stderr")
            assert 2490 <= int(found[2]) < 2500 + seconds(2000)
        assert server.stop() == 0
        assert not re.search("plugin=other", server.process.log())


def test_new_tunnels_and_visitors_meanwhile(host, answering):
    auth = slow("verify", "30s", answer="stall")
    with host.server(workers=WORKERS, auth=auth, server={"drain_timeout": "100ms"}) as server:
        with answering.to(server).say("stall", {"Hello": 0}):
            server.process.wait_for(hangs("verify"), stream="stderr")
            for _ in range(40):
                try:
                    with answering.to(server) as wire:
                        assert list(wire.receive(timeout=0.3)) == ["Challenge"]
                        wire.send({"Authenticate": "hello"}, {"Hello": 0})
                        port = wire.receive_but_heartbeats(timeout=2)["Hello"]
                        with connect(server.public_host, port):
                            wire.connection(timeout=2)
                        break
                except TimeoutError:
                    continue
            else:
                pytest.fail("nobody is served")
            server.process_was_ended = True
            server.process.terminate()
            assert server.process.wait(timeout=15) == 1


@pytest.mark.parametrize(
    "where, call, thread",
    [("create", "create", r"[a-z]+"), ("start", "worker_start", "worker 0")],
)
def test_at_the_start_and_in_a_check(host, where, call, thread):
    """What takes long is named while it does, and when it has returned."""
    auth = slow(where, "2500ms")
    with host.server(workers=1, auth=auth) as server:
        expect_told(server.process, call, thread)
        assert server.stop() == 0
    config = host.write(host.server_config(workers=1, auth=auth), "check.json")
    process = run([spore_binary(), "server", "--check", "--config", config], timeout=20)
    assert process.status == 0
    expect_told(process, call, thread)


def expect_told(process, call, thread):
    process.wait_for(hangs(call, thread), stream="stderr")
    found = process.wait_for(returned(call, thread), stream="stderr")
    assert 2490 <= int(found[2]) < 2500 + seconds(2000)


@pytest.mark.parametrize(
    "where, call, thread",
    [
        ("drain", "worker_drain", "worker 0"),
        ("stop", "worker_stop", "worker 0"),
        ("destroy", "destroy", r"[a-z]+"),
    ],
)
def test_at_the_end(host, where, call, thread):
    # A call is watched once a second, and hangs after a second.
    with host.server(workers=1, auth=slow(where, "2500ms")) as server:
        assert server.stop() == 0
        server.process.wait_for(hangs(call, thread), stream="stderr")
        found = server.process.wait_for(returned(call, thread), stream="stderr")
        assert 2490 <= int(found[2]) < 2500 + seconds(2000)


def test_on_a_reload(host, answering):
    """Tunnels and visitors do not wait for it."""
    with host.server(
        workers=1, auth=[{"use": "hang"}], server={"drain_timeout": "100ms"}
    ) as server:
        with answering.to(server) as wire:
            wire.tunnel("anything")
            path = host.folder / f"server{server.control[1]}.json"
            config = json.loads(path.read_text())
            path.write_text(json.dumps({**config, "auth": slow("create", "2500ms")}))
            server.process.signal(1)
            found = server.process.wait_for(hangs("create", r"[a-z]+"), stream="stderr")
            assert int(found[2]) < 2500
            with connect(server.public_host, wire.port):
                wire.connection(timeout=1)
            server.process.wait_for("configuration reloaded", stream="stderr")
            server.process.wait_for(returned("create", r"[a-z]+"), stream="stderr")


def test_a_blocking_call_may_take_its_time(host, answering):
    auth = [{"use": "blocking", "answer": "please", "sleep": "1500ms"}]
    with host.server(auth=auth) as server:
        answering.to(server).tunnel("please").close()
        time.sleep(1.1)
        assert server.stop() == 0
        assert not re.search("blocked a worker|hangs|returned", server.process.log())
