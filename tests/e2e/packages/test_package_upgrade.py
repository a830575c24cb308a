"""An upgrade of the Debian packages: the server that runs is renewed, and no visitor is refused."""

import contextlib
import json
import os
import shutil
import time

import pytest

from harness import debian
from harness.arrivals import Arrivals
from harness.debian import debs
from harness.scale import count
from harness.services import Echo
from harness.steady import Steady
from harness.tls.certificates import Authority
from harness.upgrades import OTHER_VERSION
from harness.waiting import wait_until

# Building takes longer than a test usually may.
pytestmark = pytest.mark.timeout(1200)

SERVER, SECRET, HOST = "spore-server", "s3cret", "127.0.0.1"
NAMES = ("spore_*", "spore-plugin-metrics-*")
PORTS = (20080, 20081)
# How long visitors come before and after each upgrade.
LOAD_S = float(os.environ.get("SPORE_PACKAGE_LOAD", "0.5"))


class Calm(Steady):
    """One of very many."""

    PAUSE = 0.5


class Site:
    """A machine with the packages. older, newer: folders with those of two versions."""

    def __init__(self, machine, older, newer):
        self.machine, self.older, self.newer = machine, older, newer
        self.transport = []

    def configure(self, way="lanes", **sections):
        """Writes the configuration, and starts the server with it."""
        config = {
            "server": {"ports": "20000-21000", "drain_timeout": "60s"},
            "auth": [{"use": "hmac", "secret": SECRET}],
            "metrics": [{"use": "prometheus", "listen": f"{HOST}:9568"}],
            **sections,
        }
        self.transport = []
        if way == "tls":
            self.use_tls(config)
        elif way == "clear":
            config["limits"] = {"max_ahead_per_tunnel": 0}
        self.machine.write("/etc/spore/server.json", json.dumps(config))
        self.machine.must("systemctl", "restart", SERVER, timeout=90)

    def use_tls(self, config):
        """The keys are made on this machine."""
        authority = Authority(self.machine.folder / "tls")
        certificate = authority.issue(f"IP:{HOST}")
        files = ((certificate.path, "cert"), (certificate.key, "key"), (authority.path, "ca"))
        for path, name in files:
            with open(path, encoding="utf-8") as file:
                self.machine.write(f"/etc/spore/{name}.pem", file.read())
        self.machine.must("chown", "spore", "/etc/spore/key.pem")
        self.machine.must("chmod", "600", "/etc/spore/key.pem")
        config["transport"] = [{"use": "tls", "certfile": "cert.pem", "keyfile": "key.pem"}]
        self.transport = [{"use": "tls", "cacertfile": "../ca.pem"}]

    @contextlib.contextmanager
    def clients(self, service):
        """Those of this installation, each with one tunnel."""
        units = [f"spore-local@{port}" for port in PORTS]
        for port, unit in zip(PORTS, units):
            config = {
                "client": {"to": HOST},
                "auth": [{"use": "hmac", "secret": SECRET}],
                "transport": self.transport,
                "tunnels": [{"local": f"{HOST}:{service}", "port": port}],
            }
            self.machine.write(f"/etc/spore/local.d/{port}.json", json.dumps(config))
            self.machine.must("systemctl", "start", unit)
        yield [self.machine.show(unit, "MainPID") for unit in units]
        self.machine.must("systemctl", "stop", *units)

    @property
    def pid(self):
        return self.machine.show(SERVER, "MainPID")

    def ask(self, command):
        return json.loads(self.machine.must("spore", "ctl", "--json", command))

    def ports(self):
        return sorted(each["port"] for each in self.ask("tunnels")["tunnels"])

    def renew(self):
        """What the script of the package says, and its exit status."""
        done = self.machine.run("/usr/libexec/spore/renew-server")
        return done.stdout, done.returncode


@pytest.fixture(scope="module")
def site(packages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "packages").mkdir()
    older = folder / "packages/older"
    shutil.copytree(packages, older)
    chosen = [deb for name in NAMES for deb in debs(older, name)]
    newer = debian.newer(folder / "packages/newer", chosen, "+next")
    (folder / "machine/tls").mkdir(parents=True)
    with debian.Debian(folder / "machine", folder / "packages") as machine:
        machine.install(older, *NAMES)
        yield Site(machine, older, newer)


@contextlib.contextmanager
def load(site):
    """Two clients, with 100 relays and 100 new visitors a second each. Leaving the context shows
    that nobody was refused, and no byte was lost."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(site.machine.network())
        echo = stack.enter_context(Echo())
        clients = stack.enter_context(site.clients(echo.port))
        relays = []
        for port in PORTS:
            relays += [stack.enter_context(Calm(HOST, port)) for _ in range(count(100, 10))]
        for port in PORTS:
            stack.enter_context(Arrivals(HOST, port, every=1 / count(100, 20)))
        time.sleep(LOAD_S)
        yield clients
        wait_until(lambda: site.ports() == list(PORTS), "the clients at their ports")
        time.sleep(LOAD_S)
        for relay in relays:
            relay.check()


@pytest.mark.parametrize("way", ["lanes", "tls", "clear"])
def test_no_visitor_is_refused(site, way):
    """Neither when the packages become newer, nor when they become older. The server is renewed
    once, after the packages of its plugins."""
    site.configure(way)
    is_newer = site.ask("status")["version"] == OTHER_VERSION
    before = site.pid
    with load(site) as clients:
        said = site.machine.install(site.older if is_newer else site.newer, *NAMES)
        _, plugin, rest = said.partition("Setting up spore-plugin-metrics-prometheus")
        assert plugin and rest.count(f"spore: {SERVER}.service is upgraded: version") == 1, said
        for port, pid in zip(PORTS, clients):
            assert f"spore: spore-local@{port}.service goes on with the program" in said, said
            assert site.machine.show(f"spore-local@{port}", "MainPID") == pid
    assert site.pid not in (before, "0")
    assert (site.ask("status")["version"] == OTHER_VERSION) != is_newer
    assert site.ask("status")["pid"] == int(site.pid)
    assert site.machine.show(SERVER, "NRestarts") == "0"
    assert site.machine.must("dpkg", "--audit") == ""


def test_the_new_program_fails(site):
    """The server goes on, the administrator learns why, and the package is configured."""
    site.configure()
    before = site.pid
    site.machine.write("/etc/spore/server.json", "{")
    said = site.machine.install(site.newer, *NAMES)
    assert "goes on with the program that it ran before" in said, said
    assert "its check has ended with status 1" in said and "server.json:1" in said, said
    assert site.pid == before
    assert site.machine.must("dpkg", "--audit") == ""


def test_a_server_that_cannot_be_asked_restarts(site):
    site.configure(admin={"socket": ""})
    before = site.pid
    said, status = site.renew()
    assert "restarts: it does not answer at /run/spore/admin.sock" in said and status == 0
    assert site.pid not in (before, "0")


def test_another_server_at_the_admin_socket(site):
    """It is not the one of the unit, and is left alone."""
    site.configure(admin={"socket": ""})
    other = "spore-other"
    command = "spore server --control-port 7900 --secret-file /root/key --admin-socket"
    site.machine.must("sh", "-c", "spore keygen >/root/key; chmod 600 /root/key")
    site.machine.must("systemd-run", "--unit", other, *command.split(), "/run/spore/admin.sock")
    wait_until(lambda: site.machine.run("spore", "ctl", "status").returncode == 0, "the other")
    before, pid = site.machine.show(other, "MainPID"), site.pid
    said, status = site.renew()
    assert "restarts: it does not answer" in said and status == 0
    assert site.machine.show(other, "MainPID") == before
    assert site.pid not in (pid, "0")
    site.machine.must("systemctl", "stop", other)


def test_what_does_not_run_is_not_started(site):
    site.machine.must("systemctl", "stop", SERVER)
    assert site.renew() == ("", 0)
    assert site.pid == "0"


def test_a_policy_may_forbid_it(site):
    site.configure()
    before = site.pid
    policy = site.machine.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    said, status = site.renew()
    policy.unlink()
    assert "policy-rc.d forbids a restart" in said and status == 0
    assert site.pid == before


def test_needrestart_uses_it(site):
    """needrestart runs a file of this name in place of a restart."""
    site.configure()
    before = site.pid
    done = site.machine.run("/etc/needrestart/restart.d/spore-server.service")
    assert "is upgraded" in done.stdout and done.returncode == 0
    assert site.pid not in (before, "0")
