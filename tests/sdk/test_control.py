"""A plugin that hangs where it is loaded, created or started holds up neither the server nor the
end of a start or a check; the reload or the start is given up, and the log names the plugin and
the call."""

import json
import signal
import time

import pytest

from harness.admin import Admin
from harness.loopback import port_is_free
from harness.peers import spore_binary
from harness.process import Process, run
from harness.scale import seconds
from harness.services import Echo
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

IN_CONSTRUCTOR = {"HANG_IN": "constructor"}
SHORT = "700ms"

# What hangs, and how it is named.
PLACES = [
    ("create", r"plugin staff has not returned from create\(\) for \d+ s"),
    ("needs_challenge", r"plugin staff has not returned from needs_challenge\(\) for \d+ s"),
    ("worker_start", r"plugin staff has not returned from worker_start\(\) on worker 0 for \d+ s"),
]
CONSTRUCTOR = r"plugin \S+/auth_hang.so has not returned from its constructors for \d+ s"


def hanging(where, **options):
    return [{"use": "hang", "name": "staff", "in": where, **options}]


def impatient(host):
    return {**host.plugins(), "start_timeout": SHORT}


class Restless:
    """A server whose configuration the test changes."""

    def __init__(self, host, env=None, **sections):
        self.admin = Admin(host.folder / "admin.sock")
        self.options = {"plugins": impatient(host), "admin": {"socket": self.admin.path}}
        self.server = host.server(env=env, **{**self.options, **sections})
        self.path = host.folder / f"server{self.server.control[1]}.json"
        self.process = self.server.process

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        return self.server.__exit__(*what)

    def write(self, **sections):
        """Replaces sections of the configuration; None removes one."""
        config = {**json.loads(self.path.read_text()), **sections}
        self.path.write_text(
            json.dumps({key: value for key, value in config.items() if value is not None})
        )

    def expect(self, pattern, times=1):
        self.process.wait_for(pattern, stream="stderr", times=times)

    def expect_alive(self):
        """The admin socket answers within a second."""
        begun = time.monotonic()
        assert self.admin.ask("status")["silent_workers"] == []
        assert time.monotonic() - begun < seconds(1)


# ---- a start and a check


@pytest.mark.parametrize("where, named", PLACES)
@pytest.mark.parametrize("check", [False, True], ids=["start", "check"])
def test_a_start_that_hangs_is_given_up(host, where, named, check):
    config = host.write(
        host.server_config(plugins=impatient(host), auth=hanging(where)), "hang.json"
    )
    arguments = ["--check"] if check else []
    process = run([spore_binary(), "server", *arguments, "--config", config])
    assert process.status == 1, process.log()
    assert process.stdout == []
    what = "check" if check else "start"
    last = rf"^error: the {what} was given up after 700 ms \(plugins.start_timeout\): {named}$"
    process.wait_for(last, stream="stderr")


@pytest.mark.parametrize("check", [False, True], ids=["start", "check"])
def test_a_constructor_that_hangs_is_given_up(host, check):
    config = host.write(
        host.server_config(plugins=impatient(host), auth=hanging("nowhere")), "hang.json"
    )
    arguments = ["--check"] if check else []
    process = run([spore_binary(), "server", *arguments, "--config", config], env=IN_CONSTRUCTOR)
    assert process.status == 1, process.log()
    process.wait_for(rf"was given up after 700 ms .*: {CONSTRUCTOR}$", stream="stderr")


def test_a_client_that_hangs_is_given_up(host):
    with host.server() as server, Echo() as service:
        config = host.client_config(
            server, service, plugins=impatient(host), auth=hanging("create")
        )
        process = run([spore_binary(), "local", "--config", host.write(config, "client.json")])
        assert process.status == 1, process.log()
        process.wait_for(rf"^error: the start was given up .*: {PLACES[0][1]}$", stream="stderr")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("where, named", PLACES)
def test_a_signal_ends_a_start_that_hangs(host, where, named, number):
    config = host.write(host.server_config(auth=hanging(where)), "hang.json")
    with Process([spore_binary(), "server", "--config", config]) as process:
        process.wait_for("hanging plugin=staff", stream="stderr")
        begun = time.monotonic()
        process.signal(number)
        assert process.wait() == 1, process.log()
        assert time.monotonic() - begun < seconds(2)
        process.wait_for(
            rf"^error: the start was interrupted by a signal: {named}$", stream="stderr"
        )


# ---- a reload


@pytest.mark.parametrize("where, named", PLACES)
def test_a_reload_that_hangs_is_given_up(host, answering, tmp_path, where, named):
    """Meanwhile the server serves with the old configuration. When the call returns, reloads
    work again."""
    gate = tmp_path / "gate"
    served = [{"use": "policy", "name": "door", "names": ["alice"]}]
    with Restless(host, auth=served) as it, Echo() as service:
        it.write(auth=hanging(where, until=str(gate)))
        it.process.signal(signal.SIGHUP)
        it.expect("hanging plugin=staff")
        if where == "worker_start":
            assert len(it.admin.ask("status")["silent_workers"]) == 1
        else:
            it.expect_alive()
            with answering.to(it.server) as wire:
                wire.tunnel("alice")
        refused = "error reload refused, configuration unchanged error="
        it.expect(rf'{refused}"reload given up: {named}"')
        answer = it.admin.ask("reload")
        assert answer["error"] == "reload refused, configuration unchanged"
        assert answer["generation"] == 1
        it.process.signal(signal.SIGHUP)
        it.expect(rf'{refused}"an earlier reload has not ended: {named}"', times=2)
        it.write(auth=served, limits={"max_tunnels": 7})
        gate.touch()
        it.expect("info  reloads work again")
        it.expect_alive()
        answer = it.admin.ask("reload")
        assert [change["key"] for change in answer["changes"]] == ["/limits/max_tunnels"]
        assert answer["generation"] == 2
        with answering.to(it.server) as wire:
            wire.tunnel("alice")
        wait_until(
            lambda: it.admin.ask("status")["plugin_instances"] == 2,
            "the end of all old instances",
        )
        assert it.server.stop() == 0


def test_a_constructor_that_hangs_in_a_reload(host):
    with Restless(host, env=IN_CONSTRUCTOR) as it:
        it.write(auth=hanging("nowhere"))
        begun = time.monotonic()
        answer = it.admin.ask("reload")
        assert time.monotonic() - begun < seconds(3)
        assert "error: reload given up: plugin " in answer["mistakes"]
        assert "has not returned from its constructors" in answer["mistakes"]
        it.expect_alive()
        it.server.process_was_ended = True
        it.process.terminate()
        assert it.process.wait(timeout=15) == 1
        it.expect(r"error plugin hangs plugin=\S+/auth_hang.so .*thread=control")


def test_the_end_during_a_reload_that_hangs(host):
    """The plugin is named, and the process does not stay."""
    with Restless(host) as it:
        it.write(auth=hanging("create"))
        it.process.signal(signal.SIGHUP)
        it.expect("hanging plugin=staff")
        it.server.process_was_ended = True
        it.process.terminate()
        assert it.process.wait(timeout=15) == 1
        it.expect(r"error plugin hangs plugin=staff .*thread=control")


def test_the_end_during_a_slow_reload(host, tmp_path):
    """It is waited for, and nothing is left."""
    gate = tmp_path / "gate"
    with Restless(host) as it:
        it.write(auth=hanging("create", until=str(gate)))
        it.process.signal(signal.SIGHUP)
        it.expect("hanging plugin=staff")
        it.process.terminate()
        it.expect("draining")
        gate.touch()
        assert it.server.stop() == 0, it.process.log()


def test_a_hand_over_waits_for_a_reload_that_hangs(host, tmp_path):
    """The reload may still read the exporters that the hand-over ends."""
    gate = tmp_path / "gate"
    with Restless(host, metrics=[{"use": "statsd"}]) as it, Tunnel(it.server) as tunnel:
        visitor, far = tunnel.join()
        it.write(auth=hanging("create", until=str(gate)))
        it.process.signal(signal.SIGHUP)
        it.expect("hanging plugin=staff")
        it.process.terminate()
        wait_until(lambda: port_is_free(*it.server.control), "the server to leave")
        assert it.admin.ask("hand-over") == {"handed_over": False}
        gate.touch()
        wait_until(lambda: it.admin.ask("hand-over")["handed_over"], "the hand-over")
        visitor.close()
        far.close()
        it.server.process_was_ended = True
        assert it.process.wait() == 0, it.process.log()


def test_changed_files_are_refused_once(host, tmp_path):
    gate = tmp_path / "gate"
    with Restless(host, server={"watch": True}) as it:
        it.write(auth=hanging("create", until=str(gate)))
        it.expect("reload given up: ")
        it.write(auth=hanging("create", until=str(gate)), limits={"max_tunnels": 5})
        it.expect("an earlier reload has not ended: ")
        time.sleep(seconds(1.5))
        assert sum("has not ended" in line for line in it.process.stderr) == 1
        gate.touch()
        it.expect("info  reloads work again")
        # What has changed since is read.
        it.expect(r'key=/limits/max_tunnels from="0 \(default\)" to=5')


def test_requests_join_one_reload(host, tmp_path):
    """What is asked for during a reload waits for one that begins after it."""
    gate = tmp_path / "gate"
    plugins = {**host.plugins(), "start_timeout": "10s"}
    with Restless(host, plugins=plugins) as it:
        it.write(auth=hanging("create", until=str(gate)))
        it.process.signal(signal.SIGHUP)
        it.expect("hanging plugin=staff")
        it.write(auth=None, limits={"max_tunnels": 5})
        for _ in range(3):
            it.process.signal(signal.SIGHUP)
            time.sleep(0.05)
        gate.touch()
        it.expect("configuration reloaded", times=2)
        it.expect_alive()
        assert it.admin.ask("status")["generation"] == 3


def test_a_worker_that_hangs_refuses_a_reload(host, answering):
    """It cannot take the new configuration, so no worker does. The others serve."""
    with Restless(host, server={"drain_timeout": "100ms"}, auth=hanging("verify")) as it:
        with answering.to(it.server).say("anything", {"Hello": 0}):
            it.expect("hanging plugin=staff")
            it.write(limits={"max_tunnels": 5})
            answer = it.admin.ask("reload")
            assert "plugin staff has not returned from verify() on worker " in answer["mistakes"]
            begun = time.monotonic()
            answer = it.admin.ask("reload")
            assert "error: an earlier reload has not ended: plugin staff" in answer["mistakes"]
            assert it.admin.ask("status")["generation"] == 1
            assert time.monotonic() - begun < seconds(2.5)
            it.server.process_was_ended = True
            it.process.terminate()
            assert it.process.wait(timeout=15) == 1


# ---- the end of an old instance


@pytest.mark.parametrize("where", ["drain", "stop", "destroy"])
def test_an_old_instance_that_hangs_at_its_end(host, answering, tmp_path, where):
    """Its end comes after the reload, which is done. The next reload has to wait for it."""
    gate = tmp_path / "gate"
    with Restless(host, auth=hanging(where, until=str(gate))) as it:
        it.write(auth=None)
        assert it.admin.ask("reload")["generation"] == 2
        it.expect("hanging plugin=staff")
        if where == "destroy":
            it.expect_alive()
        slot = where if where == "destroy" else f"worker_{where}"
        it.write(limits={"max_tunnels": 5})
        mistakes = it.admin.ask("reload")["mistakes"]
        assert f"error: reload given up: plugin staff has not returned from {slot}()" in mistakes
        gate.touch()
        it.expect("info  reloads work again")
        assert it.admin.ask("reload")["generation"] == 3
        assert it.server.stop() == 0


def test_visitors_are_served_during_a_reload_that_hangs(host):
    with Restless(host) as it, Echo() as service:
        with host.client(it.server, service) as client:
            it.write(auth=hanging("create"))
            it.process.signal(signal.SIGHUP)
            it.expect("reload given up: ")
            for _ in range(10):
                assert one_exchange(it.server.public_host, client.port) == b"ping"
            it.server.process_was_ended = True
            it.process.terminate()
            assert it.process.wait(timeout=15) == 1
