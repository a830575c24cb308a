"""The Debian packages: they are reproducible and clean, and work in an empty Debian."""

import json
import re
import shutil
import subprocess

import pytest

from harness import debian
from harness.debian import debs
from harness.nspawn import demand
from harness.peers import REPOSITORY
from harness.waiting import wait_until

# Building takes longer than a test usually may.
pytestmark = pytest.mark.timeout(1200)

SERVER, CLIENTS = "spore-server", ["spore-local@one", "spore-local@two"]
OF_A_LIBRARY = ["auth_http", "auth_ldap", "auth_postgres", "auth_pubkey", "auth_redis"]
OF_A_LIBRARY += ["events_http", "metrics_prometheus", "route_http"]
PING = "exec 3<>/dev/tcp/127.0.0.1/{} && echo ping >&3 && head -c 5 <&3"


def version():
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(spore VERSION (\S+)", text, re.MULTILINE).group(1)


def test_names_and_versions(packages):
    """Each plugin with a library of its own has a package; the version is that of CMake."""
    plugins = [f"spore-plugin-{name.replace('_', '-')}" for name in OF_A_LIBRARY]
    found = {each["Package"]: each for each in map(debian.fields, debs(packages))}
    assert sorted(found) == sorted(["spore", "spore-dev", "spore-screen", *plugins])
    assert {each["Version"].split("-")[0] for each in found.values()} == {version()}
    for name in ["spore-screen", *plugins]:
        assert f"spore (= {found[name]['Version']})" in found[name]["Depends"]
    for library in (
        "libcurl",
        "libldap",
        "libpq",
        "libssh",
        "libhiredis",
        "libmicrohttpd",
        "libncurses",
        "libnghttp2",
    ):
        assert library not in found["spore"]["Depends"]


def test_lintian(packages):
    """No error and no warning. Overrides are in conf/debian, each with its reason."""
    demand("lintian", "lintian")
    (changes,) = packages.glob("*.changes")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", changes],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_builds_are_equal(packages, tmp_path):
    """In folders of other names."""
    again = debian.build(tmp_path / "another-name")
    assert [each.name for each in debs(again)] == [each.name for each in debs(packages)]
    for one, other in zip(debs(packages), debs(again)):
        assert one.read_bytes() == other.read_bytes(), one.name


# ---- in an empty Debian


@pytest.fixture
def machine(packages, tmp_path):
    shutil.copytree(packages, tmp_path / "packages/first")
    with debian.Debian(tmp_path / "machine", tmp_path / "packages") as made:
        made.write("/etc/systemd/system/echo.socket", "[Socket]\nListenStream=127.0.0.1:3000\n"
                   "Accept=yes\n")  # fmt: skip
        made.write("/etc/systemd/system/echo@.service", "[Service]\nExecStart=/bin/cat\n"
                   "StandardInput=socket\n")  # fmt: skip
        made.must("systemctl", "daemon-reload")
        made.must("systemctl", "start", "echo.socket")
        yield made


def readme():
    """The commands that the README shows after the installation."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Install\n")[2].partition("\n## ")[0]
    (commands,) = re.findall(r"^```sh\n(spore keygen.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return commands


def start_clients(machine):
    for number, unit in enumerate(CLIENTS):
        config = {
            "client": {"to": "127.0.0.1"},
            "tunnels": [{"local": "127.0.0.1:3000", "port": 20080 + number}],
            "auth": [{"use": "hmac", "secret": {"file": "../secret.key"}}],
        }
        machine.write(f"/etc/spore/local.d/{unit.split('@')[1]}.json", json.dumps(config))
        machine.must("systemctl", "enable", "--now", unit)


def has_tunnels(machine):
    answers = [machine.run("bash", "-c", PING.format(20080 + i)).stdout for i in (0, 1)]
    return answers == ["ping\n", "ping\n"]


def pids(machine):
    return [machine.show(unit, "MainPID") for unit in (SERVER, *CLIENTS)]


def check_installed(machine):
    """Nothing runs, nothing is enabled, and a start says what is missing."""
    assert machine.must("spore", "--version") == f"spore {version()}"
    assert machine.must("id", "--user", "--name", "spore") == "spore"
    assert machine.run("systemctl", "is-enabled", SERVER).stdout.strip() == "disabled"
    assert machine.show(SERVER, "ActiveState") == "inactive"
    assert machine.run("systemctl", "start", SERVER).returncode != 0
    assert "secret.key" in machine.journal("--unit", SERVER, "--priority", "err")
    machine.must("systemctl", "stop", SERVER)


def check_plugins(machine):
    listed = json.loads(machine.must("spore", "plugin", "list", "--json"))
    own = [each.stem for each in REPOSITORY.glob("plugins/*/*.c") if each.stem == each.parent.name]
    assert {each["plugin"]: each["state"] for each in listed} == {name: "loaded" for name in own}


def check_removed(machine):
    """Processes and the program are gone. Configuration stays."""
    assert machine.run("pgrep", "-x", "spore").returncode != 0
    assert not (machine.root / "usr/bin/spore").exists()
    assert "20030" in (machine.root / "etc/spore/server.json").read_text()


def check_purged(machine):
    """What the packages brought is gone. What the administrator wrote stays."""
    etc = machine.root / "etc"
    assert not (etc / "spore/server.json").exists()
    assert (etc / "spore/secret.key").exists()
    assert not list((etc / "systemd/system/multi-user.target.wants").glob("spore*"))
    assert machine.must("dpkg", "--audit") == ""
    assert "spore" not in machine.must("dpkg-query", "--show", "--showformat", "${Package}\n")


def test_life_of_an_installation(machine):
    """Packages are installed, configured as the README says, upgraded, removed and purged."""
    packages = machine.packages / "first"
    machine.install(packages, "spore_*")
    check_installed(machine)
    machine.must("bash", "-ec", readme())
    start_clients(machine)
    wait_until(lambda: has_tunnels(machine), "both tunnels")

    machine.install(packages)
    check_plugins(machine)
    machine.must("sed", "-i", "s/20022/20030/", "/etc/spore/server.json")
    server, *clients = pids(machine)
    machine.install(debian.newer(machine.packages / "second", debs(packages), "+next"))
    renewed, *same = pids(machine)
    assert renewed not in (server, "0") and same == clients
    assert "20030" in (machine.root / "etc/spore/server.json").read_text()
    wait_until(lambda: has_tunnels(machine), "both tunnels after the upgrade")

    machine.apt("remove", "spore")
    check_removed(machine)
    machine.apt("purge", "spore*")
    check_purged(machine)
