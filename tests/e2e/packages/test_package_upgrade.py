"""An upgrade of the Debian packages: the server that runs is renewed, and no visitor is refused."""

import json
import shutil

import pytest

from harness import debian
from harness.debian import debs
from harness.waiting import wait_until

# Building takes longer than a test usually may.
pytestmark = pytest.mark.timeout(1200)

SERVER, SECRET, HOST = "spore-server", "s3cret", "127.0.0.1"
NAMES = ("spore_*", "spore-plugin-metrics-*")


class Site:
    """A machine with the packages. older, newer: folders with those of two versions."""

    def __init__(self, machine, older, newer):
        self.machine, self.older, self.newer = machine, older, newer

    def configure(self, **sections):
        """Writes the configuration, and starts the server with it."""
        config = {
            "server": {"ports": "20000-21000", "drain_timeout": "60s"},
            "auth": [{"use": "hmac", "secret": SECRET}],
            "metrics": [{"use": "prometheus", "listen": f"{HOST}:9568"}],
            **sections,
        }
        self.machine.write("/etc/spore/server.json", json.dumps(config))
        self.machine.must("systemctl", "restart", SERVER, timeout=90)

    @property
    def pid(self):
        return self.machine.show(SERVER, "MainPID")

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
    with debian.Debian(folder / "machine", folder / "packages") as machine:
        machine.install(older, *NAMES)
        yield Site(machine, older, newer)


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
