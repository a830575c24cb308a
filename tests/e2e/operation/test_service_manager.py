"""What server and client tell a service manager: the protocol of sd_notify(3)."""

import os
import signal
import socket
import time

import pytest

from harness.peers import spore_binary, spore_client, spore_server
from harness.process import Process, clean_environment, run
from harness.scale import seconds
from harness.services import Echo


class Manager:
    """The manager's socket, and the messages that have arrived, as dictionaries."""

    def __init__(self, path):
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def next(self, timeout=10.0):
        self._socket.settimeout(seconds(timeout))
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def is_silent(self):
        self._socket.settimeout(seconds(0.1))
        try:
            self._socket.recv(4096)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def manager(tmp_path):
    with Manager(tmp_path / "notify") as made:
        yield made


def test_server(manager, tmp_path, address):
    """Ready when it listens; a reload has an end, whether it succeeds or not; a drain is told."""
    path = tmp_path / "server.json"
    path.write_text("{}")
    options = {"env": {"NOTIFY_SOCKET": manager.path}, "extra": ["--config", path]}
    with spore_server(address, **options) as server:
        start = manager.next()
        assert start["STATUS"] == "starting" and int(start["EXTEND_TIMEOUT_USEC"]) >= 10e6
        assert manager.next() == {"READY": "1", "STATUS": "serving"}
        for text, status in (("{}", "serving"), ("{", "serving, but the last reload was refused")):
            path.write_text(text)
            os.kill(server.process.pid, signal.SIGHUP)
            begun = manager.next()
            assert begun["RELOADING"] == "1"
            assert 0 <= time.monotonic() - int(begun["MONOTONIC_USEC"]) / 1e6 < seconds(10)
            ended = manager.next()
            assert ended["READY"] == "1" and ended["STATUS"].startswith(status), ended
        os.kill(server.process.pid, signal.SIGTERM)
        end = manager.next()
        assert end["STOPPING"] == "1"
        assert int(end["EXTEND_TIMEOUT_USEC"]) >= 15e6, "the drain, and what a plugin may take"
        server.process_was_ended = True
        assert server.process.wait() == 0
        assert manager.is_silent()


def test_watchdog(manager, address):
    """Server and client say again and again that they work."""
    watched = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}
    with Echo() as service, spore_server(address, env=watched) as server:
        for _ in range(3):
            while manager.next() != {"WATCHDOG": "1"}:
                pass
        server.stop()
    with spore_client((address.host, address.free_port()), service.port, extra=["--retry"],
                      env=watched, listening=False):  # fmt: skip
        for _ in range(3):
            while manager.next() != {"WATCHDOG": "1"}:
                pass


def test_server_that_cannot_start(manager, address):
    """It never says that it is ready."""
    with spore_server(address) as holder:
        with Process(
            [spore_binary(), "server", "--bind-addr", address.host]
            + ["--control-port", str(holder.control[1])],
            env={"NOTIFY_SOCKET": manager.path},
        ) as second:
            second.wait()
            assert second.status == 1, second.log()
        assert manager.next()["STATUS"] == "starting"
        assert manager.is_silent()


def test_check_is_no_start(manager):
    process = run(
        [spore_binary(), "server", "--check"],
        env=clean_environment({"NOTIFY_SOCKET": manager.path}),
    )
    assert process.status == 0 and manager.is_silent()


def test_client(manager, address):
    """Ready when its tunnel is open; the status says when it is not."""
    options = {"env": {"NOTIFY_SOCKET": manager.path}, "local_host": address.host}
    server = spore_server(address)
    with Echo() as service, server:
        with spore_client(server.control, service.port, **options) as client:
            assert manager.next()["STATUS"] == "starting"
            assert manager.next() == {"READY": "1", "STATUS": "1 of 1 tunnels open"}
            server.stop()
            missing = f"not open: {address.host}:{service.port}"
            assert manager.next() == {"STATUS": f"0 of 1 tunnels open; {missing}"}
            client.stop()
            assert manager.next()["STOPPING"] == "1" and manager.is_silent()


def test_client_without_a_server(manager, address):
    """It is ready if it goes on trying; otherwise it ends, and was never ready."""
    options = {"env": {"NOTIFY_SOCKET": manager.path}, "listening": False}
    nowhere = (address.host, address.free_port())
    with spore_client(nowhere, 80, **options) as client:
        assert client.wait() == 1
    assert manager.next()["STATUS"] == "starting" and manager.is_silent()
    with spore_client(nowhere, 80, extra=["--retry"], **options):
        assert manager.next()["STATUS"] == "starting"
        said = "0 of 1 tunnels open; not open: 127.0.0.1:80"
        assert manager.next() == {"READY": "1", "STATUS": said}
