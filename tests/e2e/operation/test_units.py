"""The units for systemd: in a machine of their own, Spore works under their restrictions."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest

from harness.arrivals import Arrivals
from harness.nspawn import Machine, demand
from harness.peers import REPOSITORY, spore_binary
from harness.process import clean_environment
from harness.routed_port import Teller, Visits, request
from harness.services import Echo
from harness.sockets import connect, read_exactly, read_to_end
from harness.visitors import one_exchange
from harness.waiting import wait_until

UNITS = REPOSITORY / "conf" / "systemd"
SERVER, CLIENT = "spore-server", "spore-local@web"
MAX_EXPOSURE = 20  # tenths: what few hardened services reach


@pytest.mark.parametrize("unit", ["spore-server.service", "spore-local@.service"])
def test_exposure(tmp_path, unit):
    demand("systemd-analyze", "systemd")
    name = unit.replace("@", "@web")
    shutil.copy(UNITS / unit, tmp_path / name)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={MAX_EXPOSURE}"]
        + ["--no-pager", tmp_path / name],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Overall exposure" in done.stdout + done.stderr, done.stderr
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("prefix", ["/usr/local", "/opt/spore"])
def test_installed_units_start_what_is_installed(tmp_path, prefix):
    """Whatever prefix `cmake --install` is given. With the default one, systemd finds them."""
    argv = ["cmake", "--install", pathlib.Path(spore_binary()).parent, "--prefix", prefix]
    done = subprocess.run(
        [*argv, "--component", "units"],
        env=clean_environment({"DESTDIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / prefix.strip("/") / "lib/systemd/system"
    for unit in UNITS.iterdir():
        installed = (folder / unit.name).read_text(encoding="utf-8")
        commands = re.findall(r"^Exec\w+=(\S+) ", installed, re.MULTILINE)
        assert set(commands) == ({f"{prefix}/bin/spore"} if unit.suffix == ".service" else set())
        assert installed.replace(prefix, "/usr/local") == unit.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine with the units, and with what their comments say is to be done first."""
    with Machine(tmp_path_factory.mktemp("machine")) as made:
        made.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        made.write("/etc/group", "root:x:0:\n")
        for unit in ("spore-server.service", "spore-server.socket", "spore-local@.service"):
            made.write(f"/etc/systemd/system/{unit}", (UNITS / unit).read_text(encoding="utf-8"))
        made.must("systemctl", "daemon-reload")
        yield made


def prepared(unit):
    """The commands in the comment at the top of a unit."""
    text = (UNITS / unit).read_text(encoding="utf-8").split("[Unit]")[0]
    commands = re.findall(r"^#   ((?:useradd|install) .*?)(?:    \(.*)?$", text, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["useradd", "install"]
    return commands


class Installed:
    """A configured server and client; both units are stopped."""

    def __init__(self, machine, address):
        self.machine, self.address = machine, address
        self.control, self.exporter = address.free_port(), address.free_port()
        self.secret = "s3cret of alice"
        self.configure()
        useradd, install = prepared("spore-server.service")
        if machine.run("id", "spore").returncode != 0:
            machine.must(*useradd.split())
        machine.must("sh", "-c", f"cd /root && {install}")

    def configure(self, more="", **sections):
        """Writes the server's configuration to the folder in which `install` looks for it."""
        server = {"bind_addr": self.address.host, "control_port": self.control}
        exporter = {"use": "prometheus", "listen": f"{self.address.host}:{self.exporter}"}
        config = {
            "server": server,
            "auth": [{"use": "multi_secret", "secrets": {"alice": self.secret}}],
            "acl": {"public": [{"use": "cidr", "allow": ["127.0.0.0/8"]}]},
            "metrics": [exporter],
            **sections,
        }
        self.machine.write("/root/server.json", json.dumps(config) + more)
        return "/root/server.json"

    def configure_client(self, port, **tunnel):
        config = {
            "client": {"to": self.address.host, "control_port": self.control},
            "tunnels": [{"local_host": self.address.host, "local_port": port, **tunnel}],
            "auth": [{"use": "hmac", "secret": "s3cret of alice"}],
        }
        self.machine.write("/root/client.json", json.dumps(config))
        _, install = prepared("spore-local@.service")
        self.machine.must("sh", "-c", f"cd /root && {install}".replace("NAME", "web"))

    def put(self, more="", **sections):
        """Replaces the configuration that the unit uses."""
        self.configure(more, **sections)
        self.machine.must("install", "-m", "640", "-g", "spore", "/root/server.json", "/etc/spore/")

    def tunnel_port(self):
        tunnels = json.loads(self.machine.must("spore", "ctl", "--json", "tunnels"))
        return tunnels["tunnels"][0]["port"]


@pytest.fixture
def installed(machine, address):
    yield Installed(machine, address)
    machine.run("systemctl", "stop", f"{SERVER}.socket", CLIENT, SERVER)
    machine.run("systemctl", "reset-failed")


def bulk(host, port, size=1 << 20):
    """A transfer that is spliced, and comes back."""
    with connect(host, port) as visitor:
        visitor.sendall(b"x" * size)
        return read_exactly(visitor, size) == b"x" * size


def test_server_and_client(installed):
    """Both are ready when `systemctl start` returns, and a visitor is served."""
    machine, host = installed.machine, installed.address.host
    with Echo(installed.address.host) as service:
        installed.configure_client(service.port)
        machine.must("systemctl", "start", SERVER)
        connect(host, installed.control).close()
        machine.must("systemctl", "start", CLIENT)
        port = installed.tunnel_port()
        one_exchange(host, port)
        assert bulk(host, port)
    assert machine.show(SERVER, "StatusText") == "serving"
    assert machine.show(CLIENT, "StatusText") == "1 of 1 tunnels open"
    assert "s3cret" not in machine.journal()


@pytest.mark.parametrize(
    "secret",
    [{"credential": "alice"}, {"command": ["cat", "/run/credentials/spore-server.service/alice"]}],
)
def test_a_secret_that_systemd_passes(installed, secret):
    """The key's file is root's; the user spore cannot read it."""
    machine = installed.machine
    machine.write("/root/alice.key", "s3cret of alice\n")
    machine.write(
        f"/etc/systemd/system/{SERVER}.service.d/credential.conf",
        "[Service]\nLoadCredential=alice:/root/alice.key\n",
    )
    machine.must("systemctl", "daemon-reload")
    installed.secret = secret
    installed.put()
    with Echo(installed.address.host) as service:
        installed.configure_client(service.port)
        machine.must("systemctl", "start", SERVER)
        machine.must("systemctl", "start", CLIENT)
        one_exchange(installed.address.host, installed.tunnel_port())
        machine.must("systemctl", "reload", SERVER)
        one_exchange(installed.address.host, installed.tunnel_port())
    machine.must("rm", "-r", f"/etc/systemd/system/{SERVER}.service.d")
    machine.must("systemctl", "daemon-reload")
    assert "s3cret" not in machine.journal()


def test_reload(installed):
    """`systemctl reload` waits for the answer, and fails if the configuration is refused."""
    machine = installed.machine
    machine.must("systemctl", "start", SERVER)
    machine.must("systemctl", "reload", SERVER)
    assert machine.show(SERVER, "StatusText") == "serving"
    installed.put("}")
    assert machine.run("systemctl", "reload", SERVER).returncode != 0
    assert machine.show(SERVER, "ActiveState") == "active"
    assert "refused" in machine.show(SERVER, "StatusText")
    pid = machine.show(SERVER, "MainPID")
    installed.put()
    machine.must("systemctl", "kill", "--signal=HUP", SERVER)
    wait_until(
        lambda: machine.show(SERVER, "StatusText") == "serving", "the end of a reload on HUP"
    )
    assert machine.show(SERVER, "MainPID") == pid


def test_reload_of_a_client(installed):
    """As with a server. The tunnel stays open for another service, and also if it is refused."""
    machine, host = installed.machine, installed.address.host
    with Echo(host) as service, Echo(host) as other:
        installed.configure_client(service.port, name="web")
        machine.must("systemctl", "start", SERVER)
        machine.must("systemctl", "start", CLIENT)
        pid, port = machine.show(CLIENT, "MainPID"), installed.tunnel_port()
        installed.configure_client(other.port, name="web")
        machine.must("systemctl", "reload", CLIENT)
        assert machine.show(CLIENT, "StatusText") == "1 of 1 tunnels open"
        assert installed.tunnel_port() == port
        one_exchange(host, port)
        path = "/run/spore-local/web/admin.sock"
        answer = json.loads(machine.must("spore", "ctl", "--socket", path, "--json", "tunnels"))
        assert answer["tunnels"][0]["local"] == f"{host}:{other.port}"
        config = machine.root / "etc/spore/local.d/web.json"
        config.write_text(config.read_text() + "}")
        assert machine.run("systemctl", "reload", CLIENT).returncode != 0
        assert "refused" in machine.show(CLIENT, "StatusText")
        one_exchange(host, port)
        installed.configure_client(service.port, name="web")
        machine.must("systemctl", "reload", CLIENT)
        assert machine.show(CLIENT, "MainPID") == pid


def listen(installed, port):
    """Makes systemd listen at the control port."""
    machine, host = installed.machine, installed.address.host
    machine.write(
        f"/etc/systemd/system/{SERVER}.socket.d/address.conf",
        f"[Socket]\nListenStream=\nListenStream={host}:{port}\n",
    )
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "start", f"{SERVER}.socket")


class Callers:
    """Connects again and again, until the end of the context."""

    def __init__(self, host, port):
        self._where = (host, port)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._call)
        self.n = self.refused = 0

    def _call(self):
        while not self._over.wait(0.002):
            self.n += 1
            try:
                connect(*self._where).close()
            except ConnectionRefusedError:
                self.refused += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def test_socket(installed):
    """The first client starts the server. While the server is down, nobody is refused."""
    machine, host = installed.machine, installed.address.host
    listen(installed, installed.control)
    with Echo(host) as service:
        installed.configure_client(service.port)
        machine.must("systemctl", "start", CLIENT)
        port = installed.tunnel_port()
        one_exchange(host, port)
        first = machine.show(SERVER, "MainPID")
        with Callers(host, installed.control) as callers:
            machine.must("systemctl", "restart", SERVER)
        assert callers.n > 0 and not callers.refused
        assert machine.show(SERVER, "MainPID") not in (first, "0")
        wait_until(
            lambda: machine.show(CLIENT, "StatusText") == "1 of 1 tunnels open", "the client"
        )
        one_exchange(host, installed.tunnel_port())


def test_restart_under_load(installed):
    """systemd keeps the sockets of the public ports. Nobody is refused, and the port stays."""
    machine, host = installed.machine, installed.address.host
    listen(installed, installed.control)
    with Echo(host) as service:
        installed.configure_client(service.port)
        machine.must("systemctl", "start", CLIENT)
        port = installed.tunnel_port()
        with Arrivals(host, port):
            for _ in range(2):
                pid = machine.show(SERVER, "MainPID")
                machine.must("systemctl", "restart", SERVER)
                assert machine.show(SERVER, "MainPID") not in (pid, "0")
                wait_until(lambda: is_back(machine, port), "the client at its port")
        assert machine.show(SERVER, "NFileDescriptorStore") == "0"


def test_restart_with_a_routed_port(installed):
    """systemd keeps its sockets, too. Afterwards the port may move to other addresses."""
    machine, host = installed.machine, installed.address.host
    port, name = installed.address.free_port(), "web.example"
    policy = {"alice": {"hosts": [name]}}
    auth = [{"use": "multi_secret", "secrets": {"alice": installed.secret}, "policy": policy}]
    public = [{"listen_port": port, "route": [{"use": "http"}]}]
    with Teller(b"web", host) as service:
        installed.put(auth=auth, public=public)
        installed.configure_client(service.port, hosts=[name])
        machine.must("systemctl", "start", SERVER)
        machine.must("systemctl", "start", CLIENT)
        with Visits((host, port), {name: b"web"}, request):
            for _ in range(2):
                pid = machine.show(SERVER, "MainPID")
                machine.must("systemctl", "restart", SERVER)
                assert machine.show(SERVER, "MainPID") not in (pid, "0")
                wait_until(lambda: len(ports(machine)) == 1, "the client")
        assert machine.show(SERVER, "NFileDescriptorStore") == "0"
        public[0]["listen_addr"] = ["127.0.0.1", host]
        installed.put(auth=auth, public=public)
        machine.must("systemctl", "restart", SERVER)
        wait_until(lambda: len(ports(machine)) == 1, "the client")
        for address in ("127.0.0.1", host):
            with connect(address, port) as visitor:
                visitor.sendall(request(name))
                assert read_to_end(visitor) == b"web " + request(name)


@pytest.mark.parametrize("has_socket", [False, True])
def test_upgrade_under_load(installed, has_socket):
    """The new process becomes the main one, under all restrictions. Nobody is refused."""
    machine, host = installed.machine, installed.address.host

    def ignored():
        return machine.journal().count("reception only permitted")

    before = ignored()
    if has_socket:
        listen(installed, installed.control)
    machine.must("systemctl", "start", SERVER)
    with Echo(host) as service:
        installed.configure_client(service.port)
        machine.must("systemctl", "start", CLIENT)
        port = installed.tunnel_port()
        with Arrivals(host, port):
            for _ in range(2):
                pid = machine.show(SERVER, "MainPID")
                new = json.loads(machine.must("spore", "ctl", "--json", "upgrade"))["pid"]
                assert machine.show(SERVER, "MainPID") == str(new) != pid
                wait_until(lambda: is_back(machine, port), "the client at its port")
                assert machine.show(SERVER, "StatusText") == "serving"
        assert ignored() == before
        machine.must("systemctl", "reload", SERVER)
        machine.must("systemctl", "restart", SERVER)
        wait_until(lambda: is_back(machine, port), "the client at its port")
        assert machine.show(SERVER, "NRestarts") == "0"


def ports(machine):
    """Of the tunnels."""
    done = machine.run("spore", "ctl", "--json", "tunnels")
    tunnels = json.loads(done.stdout)["tunnels"] if done.returncode == 0 else []
    return [each["port"] for each in tunnels]


def is_back(machine, port):
    return ports(machine) == [port]


def test_socket_elsewhere(installed):
    """A socket unit that does not fit the configuration is an error that says so."""
    machine = installed.machine
    listen(installed, installed.address.free_port())
    assert machine.run("systemctl", "start", SERVER).returncode != 0
    errors = machine.journal("--unit", SERVER, "--priority", "err", "_COMM=spore")
    assert "change ListenStream= of the socket unit" in errors


def test_hang(installed):
    """systemd starts a server again that does not answer its watchdog any more."""
    machine = installed.machine
    drop_in = f"/etc/systemd/system/{SERVER}.service.d/watchdog.conf"
    machine.write(drop_in, "[Service]\nWatchdogSec=1\n")
    machine.must("systemctl", "daemon-reload")
    machine.must("systemctl", "start", SERVER)
    pid = machine.show(SERVER, "MainPID")
    machine.must("kill", "-STOP", pid)
    wait_until(
        lambda: machine.show(SERVER, "MainPID") not in (pid, "0")
        and machine.show(SERVER, "StatusText") == "serving",
        "another process",
    )
    machine.must("rm", "-r", pathlib.Path(drop_in).parent)
    machine.must("systemctl", "daemon-reload")


def test_journal(installed):
    """Lines carry their severity, and no second time."""
    machine = installed.machine
    machine.must("systemctl", "start", SERVER)
    machine.must("systemctl", "stop", SERVER)
    shown = machine.journal("--unit", SERVER, "--output", "json", "_COMM=spore")
    entries = [json.loads(line) for line in shown.splitlines()]
    severities = {each["MESSAGE"].split()[0]: each["PRIORITY"] for each in entries}
    assert severities.get("info") == "6", entries
    assert not [each for each in entries if re.search(r"\d\d:\d\d:\d\d", each["MESSAGE"])]


def test_restart_with_a_broken_configuration(installed):
    """The command fails, and the mistake is in the journal with its place. Once it is mended, the
    server comes back by itself."""
    machine = installed.machine
    machine.must("systemctl", "start", SERVER)
    installed.put("}")
    assert machine.run("systemctl", "restart", SERVER).returncode != 0
    errors = machine.journal("--unit", SERVER, "--priority", "err", "_COMM=spore")
    assert "/etc/spore/server.json:1:" in errors
    installed.put()
    wait_until(lambda: machine.show(SERVER, "ActiveState") == "active", "the server")


def test_port_in_use(installed):
    """A start fails visibly, and the server starts when the port is free again."""
    machine, where = installed.machine, (installed.address.host, installed.control)
    with socket.create_server(where):
        assert machine.run("systemctl", "start", SERVER).returncode != 0
        # With a start limit of five, and pauses of 100 ms, systemd would have given up now.
        wait_until(lambda: int(machine.show(SERVER, "NRestarts")) >= 1, "the second start")
        assert machine.show(SERVER, "ActiveState") == "activating"
    wait_until(lambda: machine.show(SERVER, "ActiveState") == "active", "the server")


def test_client_that_is_refused(installed):
    """A wrong secret is a failed start."""
    machine = installed.machine
    machine.must("systemctl", "start", SERVER)
    installed.configure_client(installed.address.free_port())
    config = machine.root / "etc/spore/local.d/web.json"
    config.write_text(config.read_text().replace("s3cret of alice", "s3cret of bob"))
    assert machine.run("systemctl", "start", CLIENT).returncode != 0
    assert machine.show(CLIENT, "ExecMainStatus") == "3"
