"""The table of broken plugins, broken/table.py: one test for each row."""

import json
import os
import pathlib
import re
import signal
import sys
import time

import pytest

from harness import process as processes
from harness.admin import Admin
from harness.loopback import Loopback
from harness.peers import is_sanitized, spore_binary
from harness.process import Process, run
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.wire import Ended

sys.path.insert(0, str(pathlib.Path(__file__).parent / "broken"))
import table  # noqa: E402

FOLDER = "test-plugins/broken"
SOURCES = pathlib.Path(__file__).parent / "broken"
HMAC = {"use": "hmac", "secret": "of all others"}
WRONG_PEER = "127.0.0.66"

# What the plugins do, a sanitizer would report: leaks, and the faults themselves.
_IGNORED = ":".join(
    ["detect_leaks=0"]
    + [f"handle_{each}=0" for each in ("segv", "sigbus", "sigfpe", "sigill", "abort", "sigtrap")]
)
ENV = {name: f"{os.environ.get(name, '')}:{_IGNORED}" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}


def rows(act):
    """Parametrises a test by the rows with this act."""
    names = [name for name, row in table.ROWS.items() if row.act == act]
    assert names, act
    return pytest.mark.parametrize("name", names)


@pytest.fixture
def row(name):
    found = table.ROWS[name]
    if found.memory and is_sanitized():
        pytest.skip("SKIPPED: a sanitizer reports this fault, or ends the process first")
    return found


def patterns(row, name):
    limit = str(int(500 * seconds(1)))
    return [text.replace("NAME", name).replace("500 ms", f"{limit} ms") for text in row.says]


def expect_lines(row, name, process):
    for pattern in patterns(row, name):
        process.wait_for(pattern, stream="stderr")


def expect_found(row, name, lines):
    for pattern in patterns(row, name):
        assert any(re.search(pattern, line) for line in lines), (pattern, lines)


# ---- servers


def plugins_of(host):
    """The section of plugins, which gives up soon what hangs."""
    return {**host.plugins(host.broken), "start_timeout": f"{int(500 * seconds(1))}ms"}


class Scene:
    """A server with broken plugins and a good one, a client of the good one, and a service."""

    def __init__(self, host, auth=(), transport=(), client=True):
        self.host = host
        self.admin = Admin(host.folder / "admin.sock")
        self.sections = {"transport": list(transport)} if transport else {}
        self.config = host.server_config(
            server={"drain_timeout": "100ms"},
            admin={"socket": self.admin.path},
            plugins=plugins_of(host),
            auth=[*auth, HMAC],
            **self.sections,
        )
        self.path = pathlib.Path(host.write(self.config, "server.json"))
        self.process = Process(
            [spore_binary(), "server", "--config", self.path], name="spore server", env=ENV
        )
        self.control = (host.address.host, self.config["server"]["control_port"])
        self.with_client = client
        self.client = self.service = None

    def __enter__(self):
        try:
            self.process.wait_for("server listening", stream="stderr")
            if self.with_client:
                self.service = Echo()
                self.service.__enter__()
                self.client = self.host.client(self, self.service, auth=[HMAC])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.client:
            self.client.process.close()
        if self.service:
            self.service.__exit__(None, None, None)
        self.process.close()

    def rewrite(self, auth):
        """Reloads with these instances before the good one."""
        self.path.write_text(json.dumps({**self.config, "auth": [*auth, HMAC]}))
        self.process.signal(signal.SIGHUP)

    def expect_served(self):
        """Another client's visitor, and the operator."""
        if self.client:
            assert one_exchange(self.host.address.host, self.client.port) == b"ping"
        assert self.admin.ask("status")["pid"] == self.process.pid
        assert self.process.running, self.process.log()

    def expect_end(self, status):
        assert self.process.wait() == status, self.process.log()


@pytest.fixture
def broken_host(host, plugin_folder):
    host.broken = plugin_folder(FOLDER)
    return host


def knock(scene, name, answering, source=None):
    """A client gives the answer that makes the plugin go wrong; returns what the server says."""
    wire = answering(connect(*scene.control, source=source))
    with wire:
        try:
            wire.say(f"break {name}", {"Hello": 0})
            return wire.receive_but_heartbeats(timeout=8)
        except Ended:
            return None


def spore(*arguments):
    return run([spore_binary(), *map(str, arguments)], env=ENV, timeout=15)


def check(host, name, **sections):
    config = host.server_config(plugins=plugins_of(host), **sections)
    return spore("server", "--check", "--config", host.write(config, "check.json"))


def expect_info(row, host, name):
    if row.info:
        info = spore("plugin", "info", f"{host.broken}/auth_{name}.so")
        assert info.status == 1, info.log()
        assert any(row.info.replace("NAME", name) in line for line in info.stdout), info.log()


# ---- plugins that the host refuses, or that end it at the start


@rows("refused")
def test_refused(broken_host, row, name):
    kind = "transport" if name in table.TRANSPORTS else "auth"
    sections = {kind: [{"use": name}]}
    process = broken_host.refused(folders=[broken_host.broken], env=ENV, **sections)
    expect_found(row, name, process.stderr)
    process = check(broken_host, name, **sections)
    assert process.status == 1, process.log()
    expect_found(row, name, process.stderr)
    if row.info:
        info = spore("plugin", "info", f"{broken_host.broken}/{kind}_{name}.so")
        assert info.status == 1 and any(
            row.info.replace("NAME", name) in line for line in info.stdout
        ), info.log()


@rows("ends")
def test_ends(broken_host, row, name):
    auth = [{"use": name}]
    config = broken_host.write(
        broken_host.server_config(plugins=plugins_of(broken_host), auth=auth), "ends.json"
    )
    for process in (spore("server", "--config", config), check(broken_host, name, auth=auth)):
        assert process.status == row.status, process.log()
        assert process.stdout == [], process.log()
        expect_found(row, name, process.stderr)
    expect_info(row, broken_host, name)


# ---- plugins that the host survives


@rows("starts")
def test_starts(broken_host, row, name):
    auth = [{"use": name}]
    with Scene(broken_host, auth) as scene:
        expect_lines(row, name, scene.process)
        scene.expect_served()
        scene.rewrite([{**auth[0], "generation": 2}] if has_options(name) else auth)
        scene.process.wait_for("configuration reloaded|changes nothing", stream="stderr")
        scene.expect_served()
        scene.process.terminate()
        scene.expect_end(0)
    if row.warns:
        expect_found(row, name, check(broken_host, name, auth=auth).stderr)
        info = spore("plugin", "info", f"{broken_host.broken}/auth_{name}.so")
        assert info.status == 0
        expect_found(row, name, info.stderr)


def has_options(name):
    return name not in table.TABLES


class Shared:
    """One server for all rows that it must survive; a row that ends it does not disturb others."""

    def __init__(self, make):
        self.make = make
        self.scene = None

    def get(self):
        if not self.scene or not self.scene.process.running:
            self.close()
            self.scene = self.make().__enter__()
            # It outlives the test that starts it.
            processes.started.clear()
        return self.scene

    def close(self):
        if self.scene:
            self.scene.__exit__()
        self.scene = None


@pytest.fixture(scope="module")
def shared(tmp_path_factory, make_host, plugin_folder):
    with Loopback() as address:

        def make():
            host = make_host(tmp_path_factory.mktemp("shared"), address)
            host.broken = plugin_folder(FOLDER)
            names = [name for name, row in table.ROWS.items() if row.act == "knock"]
            names = [n for n in names if os.path.exists(f"{host.broken}/auth_{n}.so")]
            return Scene(host, [{"use": name} for name in names])

        server = Shared(make)
        yield server
        server.close()


@rows("knock")
def test_knock(shared, row, name, answering):
    scene = shared.get()
    reply = knock(scene, name, answering)
    assert ("Hello" if row.allowed else "Error") in (reply or ["Error"]), reply
    expect_lines(row, name, scene.process)
    scene.expect_served()
    with answering.to(scene) as wire:
        wire.say("anything", {"Hello": 0}).expect_error("invalid secret")


@rows("reloads")
def test_reloads(broken_host, row, name):
    with Scene(broken_host, [{"use": name}]) as scene:
        scene.rewrite([{"use": name, "generation": 2}])
        expect_lines(row, name, scene.process)
        if row.status is not None:
            scene.expect_end(row.status)
        else:
            scene.expect_served()


@rows("hangs")
def test_hangs(broken_host, row, name, answering):
    with Scene(broken_host, [{"use": name}], client=False) as scene:
        with answering.to(scene) as wire:
            wire.say(f"break {name}", {"Hello": 0})
            expect_lines(row, name, scene.process)
            scene.expect_served()
            expect_another_worker(scene, answering)


def expect_another_worker(scene, answering):
    """The kernel chooses the worker of a connection."""
    for _ in range(40):
        with answering.to(scene) as wire:
            try:
                assert list(wire.receive(timeout=0.2)) == ["Challenge"]
                return
            except TimeoutError:
                continue
    pytest.fail("no worker answers")


# ---- plugins that end the process later


@rows("kills")
def test_kills(broken_host, row, name, answering):
    with Scene(broken_host, [{"use": name}], client=False) as scene:
        knock(scene, name, answering)
        expect_lines(row, name, scene.process)
        scene.expect_end(row.status)


@rows("stops")
def test_stops(broken_host, row, name):
    with Scene(broken_host, [{"use": name}]) as scene:
        scene.process.terminate()
        scene.process.wait_for("draining signal=TERM", stream="stderr")
        if row.status == 1:
            scene.process.terminate()  # the second one does not wait
        scene.expect_end(row.status)
        expect_found(row, name, scene.process.stderr)


# ---- transports


def meet_fault(scene, answering, silent):
    """A connection whose transport is wrong; it ends at the latest when it has been silent."""
    try:
        with answering(connect(*scene.control, source=WRONG_PEER)) as wire:
            if not silent:
                wire.say("anything", {"Hello": 0})
            while True:
                wire.receive(timeout=8)
    except (Ended, OSError):
        pass


@rows("stream")
def test_stream(broken_host, row, name, answering):
    with Scene(broken_host, transport=[{"use": name}]) as scene:
        began = time.monotonic()
        meet_fault(scene, answering, row.silent)
        assert time.monotonic() - began < seconds(8)
        expect_lines(row, name, scene.process)
        if row.status is not None:
            scene.expect_end(row.status)
            return
        scene.expect_served()
        scene.process.terminate()
        scene.expect_end(0)


# ---- the table itself


def test_the_table_is_whole():
    """Each plugin of the sources has a row, and each row a plugin."""
    text = "".join(
        path.read_text() for path in SOURCES.iterdir() if path.suffix in (".c", ".cc", ".h")
    )
    assert set(re.findall(r"CASE_([a-z0-9_]+)", text)) - {"name"} == set(table.ROWS)
    assert len(table.ROWS) >= 80
