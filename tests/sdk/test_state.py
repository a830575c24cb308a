"""Plugins that change the state of the process: the log names the plugin and the change, and the
process goes on as if nothing had happened."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from harness.metrics import Exporter
from harness.peers import Server, spore_binary
from harness.process import Process, run
from harness.services import Echo
from harness.visitors import one_exchange

LOCALE = "de_DE.UTF-8"
WARNING = "warn  plugin changed the state of the process"

# What each change is called in the log.
CHANGES = {
    "mask": "signal mask",
    "end": "TERM handler, INT handler",
    "hangup": "HUP handler",
    "pipe": "PIPE handler",
    "faults": "SEGV handler, BUS handler, FPE handler, ILL handler, ABRT handler",
    "locale": "locale",
    "thread_locale": "thread locale",
    "umask": "umask",
    "folder": "working directory",
    "limits": "descriptor limit",
    "close_output": "standard output",
    "outputs": "standard output, standard error",
}
NEED_LOCALE = {"locale", "thread_locale"}


@pytest.fixture(scope="session")
def locale(tmp_path_factory):
    """The environment in which a locale with decimal commas exists; None: it cannot be built."""
    folder = tmp_path_factory.mktemp("locales")
    if not shutil.which("localedef"):
        return None
    built = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / LOCALE)], capture_output=True
    )
    # The C library itself leaks 56 bytes when it reads LOCPATH.
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"
    return {"LOCPATH": str(folder), "ASAN_OPTIONS": options} if built.returncode == 0 else None


@pytest.fixture
def commas(locale):
    if locale is None:
        pytest.skip("SKIPPED: localedef cannot build de_DE.UTF-8, so no number can get a comma")
    return locale


@pytest.fixture
def kinds(locale):
    """The changes that this machine can make."""
    return [name for name in CHANGES if locale is not None or name not in NEED_LOCALE]


def changing(where, *names):
    return [{"use": "state", "name": f"its-{name}", "in": where, "change": name} for name in names]


def warning(plugin, call, changed):
    text = f'"{changed}"' if " " in changed else changed
    return rf'^\S+Z {re.escape(f"{WARNING} plugin={plugin} call={call} restored={text}")}$'


class Relative:
    """A server whose configuration has a relative path, so that its working directory matters."""

    def __init__(self, host, env=None, **sections):
        self.config = host.server_config(**sections)
        self.path = host.folder / "relative.json"
        self.write(self.config)
        self.process = Process(
            [spore_binary(), "server", "--config", self.path.name],
            name="spore server", cwd=host.folder, env=env,
        )  # fmt: skip
        self.reloads = 0
        self.server = Server(
            "spore", self.process, (host.address.host, self.config["server"]["control_port"]),
            host.address.host, None,
        )  # fmt: skip

    def __enter__(self):
        self.process.wait_for("server listening", stream="stderr")
        return self

    def __exit__(self, *_):
        self.process.close()

    def write(self, config):
        self.path.write_text(json.dumps(config))

    def reload(self, **sections):
        self.write({**self.config, **sections})
        self.process.signal(signal.SIGHUP)
        self.reloads += 1
        self.process.wait_for("configuration reloaded", stream="stderr", times=self.reloads)

    def expect(self, call, names, times=1):
        for name in names:
            self.process.wait_for(
                warning(f"its-{name}", call, CHANGES[name]), stream="stderr", times=times
            )
        found = [line for line in self.process.stderr if WARNING in line]
        assert len(found) == times * len(names), self.process.log()

    def expect_good(self):
        """It listens to signals, in the state in which it was started."""
        pid = self.process.pid
        status = dict(
            line.rstrip("\n").split(":\t", 1)
            for line in open(f"/proc/{pid}/status", encoding="utf-8")
            if ":\t" in line
        )
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, *FAULTS):
            assert not int(status["SigBlk"], 16) >> (number - 1) & 1, number
            assert int(status["SigCgt"], 16) >> (number - 1) & 1, number
        assert int(status["SigIgn"], 16) >> (signal.SIGPIPE - 1) & 1
        assert int(status["Umask"], 8) == UMASK
        assert os.readlink(f"/proc/{pid}/cwd") == str(self.path.parent.resolve())
        for fd in (1, 2):
            assert os.readlink(f"/proc/{pid}/fd/{fd}").startswith("pipe:")
        with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
            (files,) = (line for line in limits if line.startswith("Max open files"))
        assert files.split()[3] == files.split()[4]
        self.reload()

    def expect_end(self):
        self.process.terminate()
        assert self.process.wait() == 0, self.process.log()


FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
UMASK = os.umask(0o22)
os.umask(UMASK)


def test_nobody_is_warned_of_a_good_plugin(host):
    with Relative(host, auth=changing("nowhere", "mask")) as server:
        server.expect_good()
        server.expect_end()
        assert not any("changed the state" in line for line in server.process.stderr)


def test_in_create(host, locale, kinds):
    with Relative(host, env=locale, auth=changing("create", *kinds)) as server:
        server.expect("create", kinds)
        server.expect_good()
        server.expect_end()


def test_in_worker_start(host, locale, kinds):
    """Each worker calls it once."""
    with Relative(host, env=locale, auth=changing("worker_start", *kinds)) as server:
        server.expect("worker_start", kinds, times=2)
        server.expect_good()
        server.expect_end()


def test_in_destroy(host, locale, kinds):
    with Relative(host, env=locale, auth=changing("destroy", *kinds)) as server:
        server.reload(auth=[])
        server.expect("destroy", kinds)
        server.expect_good()
        server.expect_end()


def test_by_a_reload(host, locale, kinds):
    """The new instances would make the server deaf to the next signal."""
    with Relative(host, env=locale, auth=[]) as server:
        server.reload(auth=changing("create", *kinds))
        server.expect("create", kinds)
        server.expect_good()
        server.expect_end()


def at_load(locale, *names):
    return {**(locale or {}), "TEST_STATE": " ".join(names)}


def test_in_a_constructor(host, locale, kinds, plugin_folder):
    changed = {each for name in kinds for each in CHANGES[name].split(", ")}
    path = f"{plugin_folder()}/auth_state.so"
    with Relative(host, env=at_load(locale, *kinds), auth=changing("nowhere", "mask")) as server:
        line = server.process.wait_for(
            rf'{WARNING} plugin={path} call=load restored="(.*)"$', stream="stderr"
        )
        assert set(line.group(1).split(", ")) == changed
        server.expect_good()
        server.expect_end()
        assert sum(WARNING in line for line in server.process.stderr) == 1


def test_in_a_constructor_by_a_reload(host, plugin_folder):
    env = at_load(None, "mask", "end", "hangup")
    with Relative(host, env=env, auth=[]) as server:
        server.reload(auth=changing("nowhere", "mask"))
        server.process.wait_for(
            warning(
                f"{plugin_folder()}/auth_state.so", "load",
                "TERM handler, INT handler, HUP handler, signal mask",
            ),
            stream="stderr",
        )  # fmt: skip
        server.expect_good()
        server.expect_end()


def test_the_handlers_of_a_language_runtime_stay(host, plugin_folder):
    """PIPE is ignored again, and the rest is the runtime's."""
    env = at_load(None, "runtime")
    auth = changing("nowhere", "mask")
    with Relative(host, env=env, auth=auth, log={"level": "debug"}) as server:
        server.process.wait_for(
            rf"debug plugin installed the handlers of a language runtime "
            rf"plugin={plugin_folder()}/auth_state.so call=load "
            rf'handlers="PIPE handler, SEGV handler, BUS handler, FPE handler"$',
            stream="stderr",
        )
        with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as status:
            caught = int(re.search(r"SigCgt:\t(\w+)", status.read()).group(1), 16)
        assert caught >> (signal.SIGURG - 1) & 1
        server.expect_good()
        server.process.signal(signal.SIGSEGV)
        assert server.process.wait() == -signal.SIGSEGV, "the runtime's handler has run"
        assert not any("crashed" in line or WARNING in line for line in server.process.stderr)


@pytest.mark.parametrize("where", ["create", "worker_start", "verify"])
def test_numbers_have_points(host, commas, answering, where):
    """Also where the plugin changes the locale behind the host's back."""
    exporter = Exporter(host.address.host, host.address.free_port())
    with Relative(
        host, env=commas, workers=1, auth=changing(where, "locale"),
        metrics=[{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}],
    ) as server:  # fmt: skip
        with answering.to(server.server) as wire:
            wire.tunnel("anything")
        page = exporter.get()[2]
        assert 'le="0.0001"' in page or 'le="0.001"' in page, page
        assert not re.search(r'le="\d*,|^[^#].* \d*,\d', page, re.MULTILINE), page
        server.reload(auth=[{**changing(where, "locale")[0], "number": 0.5}])
        server.expect_end()


@pytest.mark.parametrize("where", ["create", "worker_start", "destroy"])
@pytest.mark.parametrize("change", ["close_output", "outputs"])
def test_a_check_still_answers(host, where, change):
    config = host.write(host.server_config(auth=changing(where, change)), "check.json")
    process = run([spore_binary(), "server", "--check", "--config", config])
    assert process.status == 0, process.log()
    assert process.stdout == [f"{config}: the configuration is good"]
    assert any(f"plugin=its-{change} call={where} " in line for line in process.stderr)


@pytest.mark.parametrize("change", ["close_output", "outputs", "pipe", "mask"])
def test_a_client(host, change):
    """Its line "listening at" is on standard output."""
    with host.server(auth=changing("nowhere", "mask")) as server, Echo() as service:
        with host.client(server, service, auth=changing("create", change)) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
            client.process.wait_for(
                warning(f"its-{change}", "create", CHANGES[change]), stream="stderr"
            )
            assert client.stop() == 0


def test_the_plugin_command_names_it(plugin_folder):
    path = f"{plugin_folder()}/auth_state.so"
    process = run(
        [spore_binary(), "plugin", "info", path], env=at_load(None, "umask", "close_output")
    )
    assert process.status == 0, process.log()
    assert any(line.startswith("auth") or "state" in line for line in process.stdout)
    assert any(
        line.endswith(f'{WARNING} plugin={path} call=load restored="umask, standard output"')
        for line in process.stderr
    ), process.log()
