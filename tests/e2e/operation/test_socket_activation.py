"""A server gets the sockets of its control port from a service manager: sd_listen_fds(3)."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import sys

import pytest

from harness.loopback import Loopback, free_port, has_ipv6
from harness.peers import spore_binary, spore_client, spore_server
from harness.process import Process
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.waiting import wait_until

# Listens at the addresses of its first argument, then becomes the program of the others. The
# manager's sockets share the port. `pid`: whom they are for; 0: this process.
MANAGER = """
import os, socket, sys
fds = []
addresses, n, pid = sys.argv[1].split(","), sys.argv[2], int(sys.argv[3])
for address in addresses:
    host, port = address.rsplit(":", 1)
    made = socket.socket(socket.AF_INET6 if host[0] == "[" else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if host[0] == "[":
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sys.argv[4]))
    made.bind((host.strip("[]"), int(port)))
    made.listen(64)
    fds.append(os.dup2(made.fileno(), 100 + len(fds), inheritable=True))
    made.close()
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ["LISTEN_PID"] = str(pid or os.getpid())
os.environ["LISTEN_FDS"] = n
os.environ["LISTEN_FDNAMES"] = ":".join(["control"] * len(fds))
os.execvp(sys.argv[5], sys.argv[5:])
"""


def manager(*addresses, n=None, pid=0, only_ipv6=0):
    """The manager, for the argument `within` of a process."""
    joined = ",".join(f"{host}:{port}" for host, port in addresses)
    argv = [joined, n or str(len(addresses)), str(pid), str(only_ipv6)]
    return [sys.executable, "-c", MANAGER, *argv]


@contextlib.contextmanager
def refused(host, port, within, extra=()):
    """A server at this address that does not start; yields its log."""
    argv = [spore_binary(), "server", "--bind-addr", host, "--control-port", str(port), *extra]
    with Process(argv, within=within) as process:
        assert process.wait() == 1, process.log()
        yield process.log()


@pytest.mark.parametrize("n", [1, 2])
def test_all_workers_serve(address, n):
    """Three workers share one or two sockets. No other socket is at the port."""
    where = (address.host, address.free_port())
    options = {"within": manager(*[where] * n), "extra": ["--workers", "3"]}
    with Echo() as service, spore_server(address, control_port=where[1], **options) as server:
        inodes = set()
        for entry in pathlib.Path(f"/proc/{server.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(entry))
        listening = pathlib.Path(f"/proc/{server.pid}/net/tcp").read_text(encoding="ascii")
        at_port = [
            line.split()[9]
            for line in listening.splitlines()
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{where[1]:04X}")
            and f"socket:[{line.split()[9]}]" in inodes
        ]  # fmt: skip
        assert len(at_port) == n
        for _ in range(6):
            with spore_client(where, service.port, local_host=address.host) as client:
                one_exchange(address.host, client.port)


def inodes_at(host, port):
    """The inodes of the sockets that listen there."""
    packed = socket.inet_aton(host)[::-1].hex().upper()
    rows = [
        line.split()
        for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    ]
    return {row[9] for row in rows if row[1] == f"{packed}:{port:04X}" and row[3] == "0A"}


def test_a_list_of_addresses(address, tmp_path):
    """Each of three workers has a socket at each address: two are shared, and nobody binds more."""
    port = address.free_port()
    with Loopback() as other, Echo() as service:
        hosts = [address.host, other.host]
        path = tmp_path / "server.json"
        path.write_text(
            json.dumps({"server": {"bind_addr": hosts, "control_port": port, "workers": 3}})
        )
        argv = [spore_binary(), "server", "--config", path]
        within = manager((hosts[1], port), (hosts[0], port), (hosts[1], port))
        with Process(argv, within=within) as process:
            process.wait_for("server listening")
            assert [len(inodes_at(host, port)) for host in hosts] == [1, 2]
            for host in hosts * 3:
                with spore_client((host, port), service.port) as client:
                    for each in hosts:
                        one_exchange(each, client.port)


def test_an_address_without_a_socket(address, tmp_path):
    """The error names it: the manager is to listen at all addresses of the list."""
    port = address.free_port()
    with Loopback() as other:
        path = tmp_path / "server.json"
        hosts = [address.host, other.host]
        path.write_text(json.dumps({"server": {"bind_addr": hosts, "control_port": port}}))
        argv = [spore_binary(), "server", "--config", path]
        with Process(argv, within=manager((address.host, port))) as process:
            assert process.wait() == 1, process.log()
            assert f"passed no socket at {other.host}:{port}: add it to" in process.log()


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")
@pytest.mark.parametrize("only_ipv6", [0, 1])
def test_a_list_with_both_wildcards(tmp_path, only_ipv6):
    """A socket at :: must take IPv4 as one that the server binds."""
    port = free_port("::")
    path = tmp_path / "server.json"

    def configure(*addresses):
        path.write_text(json.dumps({"server": {"bind_addr": addresses, "control_port": port}}))

    argv = [spore_binary(), "server", "--config", path]
    configure("::", *["0.0.0.0"][:only_ipv6])
    where = [("[::]", port), ("0.0.0.0", port)][: 1 + only_ipv6]
    with Process(argv, within=manager(*where, only_ipv6=only_ipv6)) as process:
        process.wait_for("server listening")
        for host in ("127.0.0.1", "::1"):
            connect(host, port).close()
    configure("::", *["127.0.0.1"][only_ipv6:])
    with Process(argv, within=manager(where[0], only_ipv6=only_ipv6)) as process:
        assert process.wait() == 1, process.log()
        needed = "both" if only_ipv6 else "ipv6-only"
        assert f"set BindIPv6Only={needed}" in process.log()


def test_a_program_that_prints_a_secret_gets_no_socket(address, tmp_path):
    """It neither sees the variables nor inherits the sockets."""
    seen = tmp_path / "seen"
    script = "env | grep -c ^LISTEN_ >$0; ls /proc/self/fd >>$0; echo s3cret of all"
    where = (address.host, address.free_port())
    config = {
        "server": {"bind_addr": where[0], "control_port": where[1]},
        "auth": [{"use": "hmac", "secret": {"command": ["/bin/sh", "-c", script, str(seen)]}}],
    }
    path = tmp_path / "server.json"
    path.write_text(json.dumps(config))
    argv = [spore_binary(), "server", "--config", path]
    with Process(argv, within=manager(where)) as process:
        process.wait_for("server listening")
        variables, *descriptors = seen.read_text().split()
        assert variables == "0" and set(descriptors) <= {"0", "1", "2", "3"}, descriptors
        assert not pathlib.Path(f"/proc/{process.pid}/fd/3").is_dir()


def test_sockets_of_another_process(address):
    """The server binds its own socket."""
    where = (address.host, address.free_port())
    other = (address.host, address.free_port())
    with spore_server(address, control_port=where[1], within=manager(other, pid=1)):
        connect(*where).close()


def test_what_does_not_fit_is_refused(address):
    """The error says what was passed, and what was expected."""
    host, port, other = address.host, address.free_port(), address.free_port()
    with refused(host, port, manager((host, other))) as log:
        assert f"passed a socket at {host}:{other}" in log
        assert f"server.control_port say {host}:{port}: change ListenStream=" in log
    with refused(host, port, manager(*[(host, port)] * 2), ["--workers", "1"]) as log:
        assert f"passed 2 sockets at {host}:{port}, but the server has 1 workers" in log
    with refused(host, port, manager((host, port), n="many")) as log:
        assert "LISTEN_FDS: expected a number from 0 to 2304" in log


def test_a_reload_cannot_move_the_port(address, tmp_path):
    """The service manager would go on listening at the old one."""
    host, port = address.host, address.free_port()
    path = tmp_path / "server.json"

    def configure(control_port):
        path.write_text(json.dumps({"server": {"bind_addr": host, "control_port": control_port}}))

    configure(port)
    argv = [spore_binary(), "server", "--config", path]
    with Process(argv, within=manager((host, port))) as process:
        process.wait_for("server listening")
        configure(address.free_port())
        process.signal(signal.SIGHUP)
        process.wait_for("is a socket of the service manager and cannot move in a reload")
        connect(host, port).close()
        configure(port)
        process.signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in process.log(), "a reload that moves nothing")
