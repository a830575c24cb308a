"""Another program takes the place of a running server, and no visitor is refused."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

import pytest

from harness.arrivals import Arrivals
from harness.loopback import port_is_free
from harness.metrics import Exporter
from harness.peers import bore_client, is_sanitized, spore_binary, spore_client
from harness.procfs import anonymous_memory, descriptors_by_kind, runs
from harness.scale import count, seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.steady import Steady
from harness.tls.certificates import Authority
from harness.upgrades import OTHER_VERSION, Upgrades, fake_program, other_build
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

LEAVING, TICKET = 2, 16


class Calm(Steady):
    """One of very many."""

    PAUSE = 1.0


@pytest.fixture
def server(tmp_path, address):
    with Upgrades(tmp_path, address) as made:
        yield made


def service_of(way, tmp_path, address):
    """The server, and the flags of its clients."""
    if way == "tls":
        authority = Authority(tmp_path)
        certificate = authority.issue(f"IP:{address.host}")
        tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
        flags = ["--tls", "--cacertfile", str(authority.path)]
        return Upgrades(tmp_path, address, transport=[tls]), flags
    limits = {"max_ahead_per_tunnel": 0} if way == "no lanes" else {}
    return Upgrades(tmp_path, address, server={"workers": 2}, limits=limits), []


# ---- what clients and visitors see


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["lanes", "tls", "no lanes"])
def test_no_visitor_is_refused(tmp_path, address, way):
    """New ones, and relays that have begun before. Also on the way back to the older version. The
    port stays the same."""
    service, flags = service_of(way, tmp_path, address)
    other = other_build(tmp_path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(service)
        echo = stack.enter_context(Echo())
        client = stack.enter_context(
            spore_client(service.control, echo.port, extra=flags, local_host="127.0.0.1")
        )
        where = (address.host, client.port)
        relays = [stack.enter_context(Calm(*where)) for _ in range(count(200, 20))]
        with Arrivals(*where, every=1 / count(200)):
            time.sleep(0.5)
            for program, version in ((other, OTHER_VERSION), (spore_binary(), None)):
                answer = service.upgrade(program)
                assert version is None or answer["version"] == version
                status = service.admin.ask("status")
                assert (status["pid"], status["version"]) == (service.pid, answer["version"])
                service.process.wait_for(rf"new client .*port={client.port}\b", times=2)
                time.sleep(0.5)
            assert len(client.process.stdout) == 1, client.process.stdout
        for relay in relays:
            relay.check()
        assert runs(service.pids[0]), "relays stay with the process that has them"
    for pid in service.pids[:-1]:
        service.await_end(pid)


def test_the_old_process_ends_with_its_last_visitor(server):
    with Echo() as echo, spore_client(server.control, echo.port) as client:
        with Steady(server.public_host, client.port):
            server.upgrade()
            server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
            assert runs(server.pids[0])
        server.await_end(server.pids[0])
        assert server.process.ended_within(10) and server.process.status == 0
        assert one_exchange(server.public_host, client.port) == b"ping"


def extend(tunnel):
    tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": LEAVING | TICKET}})
    assert "Extended" in tunnel.wire.receive_but_heartbeats()


def test_a_visitor_who_waits_is_served(server):
    """By the process that has announced it, which takes no other visitor meanwhile. Later ones wait
    for the client at the next process."""
    with Tunnel(server) as tunnel:
        extend(tunnel)
        early = connect(server.public_host, tunnel.port)
        early_id = tunnel.wire.connection()
        thread = threading.Thread(target=server.upgrade)
        thread.start()
        server.process.wait_for("upgrading")
        time.sleep(seconds(0.3))
        with Wire.connect(server.control) as data:
            early.sendall(b"early")
            assert read_exactly(data.accept(early_id), 5) == b"early"
            thread.join()
            ticket = tunnel.wire.receive_but_heartbeats()["Ticket"]
            assert tunnel.wire.receive_but_heartbeats() == "Leaving"
            late = connect(server.public_host, tunnel.port)
            late.sendall(b"later")
            early.sendall(b"again")
            assert read_exactly(data.sock, 5) == b"again"
        wire = Wire.connect(server.control)
        wire.send({"HelloEx": {"port": tunnel.port, "ticket": ticket}})
        assert wire.receive_but_heartbeats() == {"Hello": tunnel.port}
        with Wire.connect(server.control) as data:
            assert read_exactly(data.accept(wire.connection()), 5) == b"later"
        wire.close()
    early.close()
    late.close()


def test_a_port_is_not_shut_while_two_processes_have_it(server):
    """The client says that its service is down after the next process has got the socket."""
    with Tunnel(server) as tunnel:
        extend(tunnel)
        server.upgrade()
        ticket = tunnel.wire.receive_but_heartbeats()["Ticket"]
        assert tunnel.wire.receive_but_heartbeats() == "Leaving"
        tunnel.wire.send({"Ready": {"ready": False, "close": True, "why": "down"}})
        tunnel.wire.send("Heartbeat")
        time.sleep(seconds(0.3))
        with Wire.connect(server.control) as wire:
            wire.send({"HelloEx": {"port": tunnel.port, "ticket": ticket}})
            assert wire.receive_but_heartbeats() == {"Hello": tunnel.port}
            with connect(server.public_host, tunnel.port):
                assert wire.connection()


def test_a_port_is_only_for_the_ticket(server):
    with Tunnel(server) as tunnel:
        extend(tunnel)
        server.upgrade()
        ticket = tunnel.wire.receive_but_heartbeats()["Ticket"]
        for wish in ({"Hello": tunnel.port}, {"HelloEx": {"port": tunnel.port}}):
            with Wire.connect(server.control) as wire:
                wire.send(wish)
                assert wire.receive_but_heartbeats() == {"Error": "port already in use"}
        with Wire.connect(server.control) as wire:
            wire.send({"HelloEx": {"port": tunnel.port, "ticket": ticket}})
            assert wire.receive_but_heartbeats() == {"Hello": tunnel.port}
        wait_until(lambda: port_is_free(server.public_host, tunnel.port), "the port to close")


def test_very_many_clients_move_one_by_one(server):
    """Each is told at another moment, within half of drain_grace."""
    with contextlib.ExitStack() as stack:
        tunnels = [stack.enter_context(Tunnel(server)) for _ in range(40)]
        for tunnel in tunnels:
            extend(tunnel)
        server.upgrade()
        told = []

        def note(tunnel):
            assert "Ticket" in tunnel.wire.receive_but_heartbeats()
            assert tunnel.wire.receive_but_heartbeats() == "Leaving"
            told.append(time.monotonic())

        threads = [threading.Thread(target=note, args=(each,)) for each in tunnels]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(told) == len(tunnels)
        assert max(told) - min(told) > 0.03


# ---- programs that fail


FAILURES = {
    "dies before it is ready": ("sys.exit(3)", "has ended with status 3"),
    "says why": ('say(error="no luck"); sys.exit(1)', "the new process: no luck"),
    "dies when it is to serve": (
        'say(ready=True); hear("go"); os.kill(os.getpid(), 9)',
        "has ended with signal 9",
    ),
    "closes the connection": (
        'say(ready=True); hear("go"); channel.close(); time.sleep(100)',
        "has closed its connection",
    ),
    "does not serve": (
        'say(ready=True); hear("go"); time.sleep(100)',
        "does not serve within 5 s",
    ),
    "another protocol": (
        'say(protocol=2, version="9"); time.sleep(100)',
        "hands over by protocol 2, and this one by 1",
    ),
}


@pytest.mark.parametrize("how", FAILURES)
def test_the_old_process_goes_on(server, tmp_path, how):
    """No visitor is refused, and the next upgrade is good."""
    script, why = FAILURES[how]
    with Echo() as echo, spore_client(server.control, echo.port) as client:
        with Arrivals(server.public_host, client.port, every=1 / count(50, 20)):
            with Steady(server.public_host, client.port):
                time.sleep(0.3)
                for _ in range(2):
                    error = server.upgrade_in_vain(fake_program(tmp_path, script))
                    assert error.startswith("error: not upgraded: ") and why in error, error
                time.sleep(0.3)
                server.upgrade()
                server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
        assert len(client.process.stdout) == 1


def test_a_program_that_fails_its_check(server, tmp_path):
    """Nothing is handed over. The first line of its error is told."""
    for program, why in (
        (str(tmp_path / "missing"), "No such file or directory"),
        (str(server.path), "is not an executable file"),
        (str(tmp_path), "is not an executable file"),
    ):
        assert why in server.upgrade_in_vain(program)
    server.path.write_text("{")
    error = server.upgrade_in_vain(spore_binary())
    assert "its check has ended with status 1: " in error and "server.json:1" in error, error


@pytest.mark.parametrize("way", ["file", "folder", "folder above", "folder of a link"])
def test_a_program_that_others_may_replace(server, tmp_path, way):
    """Neither it nor a folder above it may be writable by everyone, as with plugins. Other users
    cannot replace a file in a sticky folder, such as /tmp."""
    folder = tmp_path / "above" / "folder"
    folder.mkdir(parents=True)
    program = folder / "spore"
    shutil.copy(spore_binary(), program)
    link = tmp_path / "links" / "spore"
    link.parent.mkdir()
    link.symlink_to(program)
    wrong = {
        "file": program,
        "folder": folder,
        "folder above": folder.parent,
        "folder of a link": link.parent,
    }[way]
    asked = link if way == "folder of a link" else program
    wrong.chmod(0o777)
    error = server.upgrade_in_vain(str(asked))
    assert f"{wrong} is writable by everyone: run `chmod o-w {wrong}`" in error, error
    wrong.chmod(0o755 if way == "file" else 0o1777)
    server.upgrade(str(asked))


SCRIPTS = {
    "good": ("exit 0", "has ended with status 0"),
    "only local": ('echo "error: unknown subcommand" >&2; exit 2', "status 2: unknown subcommand"),
    "hangs": ("exec sleep 100", "has not ended within 10 s"),
}


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/bin/sleep", *SCRIPTS])
def test_a_program_that_is_none(server, tmp_path, program):
    """It gets no socket, even if its check ends well: it does not say that it can take over."""
    why = ""
    if program in SCRIPTS:
        script, why = SCRIPTS[program]
        path = tmp_path / "script"
        path.write_text(f"#!/bin/sh\necho $* >> {tmp_path}/runs\n{script}\n")
        path.chmod(0o755)
        program = str(path)
    with Echo() as echo, spore_client(server.control, echo.port) as client:
        error = server.upgrade_in_vain(program)
        expected = "expected a spore that can take the place of a server"
        said = f"but `{program} server ... --check` has not said that it is one"
        assert error.startswith(f"error: not upgraded: {expected}, {said}") and why in error, error
        assert "\n" not in error.strip()
        assert one_exchange(server.public_host, client.port) == b"ping"
    if why:
        assert (tmp_path / "runs").read_text().count("\n") == 1


def test_a_wrapper_is_one(server, tmp_path):
    path = tmp_path / "wrapper"
    path.write_text(f'#!/bin/sh\nexec {spore_binary()} "$@"\n')
    path.chmod(0o755)
    server.upgrade(str(path))


def test_another_control_port(server):
    """A clear error: the running server has no socket there."""
    config = json.loads(server.path.read_text())
    config["server"]["control_port"] += 1
    server.path.write_text(json.dumps(config))
    error = server.upgrade_in_vain(spore_binary())
    assert "the running server has passed a socket at" in error
    assert "let the running server reload the configuration first" in error


def test_visitors_whom_no_client_takes(server, tmp_path):
    """The upgrade is given up after 3 s. They are not lost, and others come in again."""
    with Tunnel(server) as tunnel:
        extend(tunnel)
        visitor = connect(server.public_host, tunnel.port)
        first = tunnel.wire.connection()
        error = server.upgrade_in_vain(fake_program(tmp_path, 'say(ready=True); hear("go")'))
        assert "visitors who wait are not taken by their clients within 3 s" in error
        with Wire.connect(server.control) as data:
            visitor.sendall(b"first")
            assert read_exactly(data.accept(first), 5) == b"first"
        visitor.close()
        other, far = tunnel.join()
        other.sendall(b"other")
        assert read_exactly(far, 5) == b"other"


def test_the_new_process_is_killed_when_it_serves(server):
    """There is no way back then: relays of the old process go on until its drain ends, and clients
    come back when a server runs again."""
    with Echo() as echo, spore_client(server.control, echo.port) as client:
        with Steady(server.public_host, client.port) as relay:
            server.upgrade()
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait_for("the new server has ended while this one drains .*signal=9")
            time.sleep(0.3)
            relay.check()
            old = server.process
            server.start()
            server.process.wait_for(rf"new client .*port={client.port}\b")
            assert one_exchange(server.public_host, client.port) == b"ping"
            relay.check()
        wait_until(lambda: not old.running, "the end of the old process", timeout=20)


@pytest.mark.parametrize("end", ["drained", "killed"])
def test_the_next_process_is_upgraded_too(server, end):
    """The process before it knows that its end, by whatever means, is none of the service."""
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(Echo())
        client = stack.enter_context(spore_client(server.control, echo.port))
        stack.enter_context(Steady(server.public_host, client.port))
        server.upgrade()
        server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
        if end == "killed":
            visitor = stack.enter_context(connect(server.public_host, client.port))
            visitor.sendall(b"ping")
            assert read_exactly(visitor, 4) == b"ping"
        server.upgrade()
        server.process.wait_for(rf"new client .*port={client.port}\b", times=3)
        if end == "killed":
            assert runs(server.pids[1])
            os.kill(server.pids[1], signal.SIGKILL)
        server.await_end(server.pids[1])
        time.sleep(seconds(0.3))
        assert runs(server.pids[0])
    server.await_end(server.pids[0])
    ends = [line for line in server.process.stderr if "the new server has ended" in line]
    assert not ends, ends


# ---- what the next process knows


def test_bans_and_counts(tmp_path, address):
    """Banned sources stay banned. What an identity has used counts."""
    limits = {"ban_after": 1, "ban_exempt": [], "bytes_per_day": 5000}
    auth = [{"use": "multi_secret", "secrets": {"alice": "s3cret of alice"}}]
    with Upgrades(tmp_path, address, limits=limits, auth=auth) as server, Echo() as echo:
        with spore_client(server.control, echo.port, secret="s3cret of alice") as client:
            one_exchange(server.public_host, client.port, b"x" * 1000)
            server.upgrade()
            server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
            (tunnel,) = server.admin.ask("tunnels")["tunnels"]
            assert "2000" in json.dumps(tunnel), tunnel
        with Wire.connect(server.control) as wire:
            wire.receive()
            wire.send({"Authenticate": "0" * 64})
            assert "Error" in wire.receive()
        wait_until(lambda: server.admin.ask("bans")["all"] == 1, "the ban")
        server.upgrade()
        (ban,) = server.admin.ask("bans")["bans"]
        assert ban["source"] == "127.0.0.1" and ban["left_ms"] > 0


def test_a_ban_does_not_keep_clients_out(tmp_path, address):
    """Somebody at their address has guessed, so only the tunnels that stand are let in. In the new
    process none stands yet."""
    limits = {"ban_after": 1, "ban_exempt": []}
    auth = [{"use": "hmac", "secret": "right"}]
    with Upgrades(tmp_path, address, limits=limits, auth=auth) as server, Echo() as echo:
        with spore_client(server.control, echo.port, secret="right") as client:
            with Wire.connect(server.control) as wire:
                wire.receive()
                wire.send({"Authenticate": "0" * 64})
                assert "Error" in wire.receive()
            wait_until(lambda: server.admin.ask("bans")["all"] == 1, "the ban")
            server.upgrade()
            server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
            one_exchange(server.public_host, client.port, b"x" * 1000)
            assert server.admin.ask("bans")["bans"] == []


def test_handshakes_do_not_hold_it_up(tmp_path, address, certificate):
    """Strangers who connect to a port with TLS and say nothing, one after another."""
    port = address.free_port()
    tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
    public = [{"name": "shop", "ports": f"{port}", "transport": [tls]}]
    with Upgrades(tmp_path, address, public=public) as server, Echo() as echo:
        with spore_client(server.control, echo.port, port=port):
            with contextlib.ExitStack() as stack:
                silent = []
                for _ in range(5):
                    silent.append(stack.enter_context(connect(server.public_host, port)))
                time.sleep(0.2)
                server.upgrade()
                for stranger in silent:
                    assert how_it_ends(stranger, timeout=15)[0] == b""
            server.process.wait_for(rf"new client .*port={port}\b", times=2)


def test_late_words_of_the_new_program(tmp_path, address):
    """It serves already, so an error of it ends nobody."""
    late = 'say(ready=True); hear("go"); say(serving=True); hear("left"); say(error="late")'
    program = fake_program(tmp_path, late + "; time.sleep(100)")
    with Upgrades(tmp_path, address) as server, Echo() as echo:
        with spore_client(server.control, echo.port) as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"a")
                assert read_exactly(visitor, 1) == b"a"
                server.upgrade(program)
                time.sleep(0.5)
                os.kill(server.pid, 0)
                visitor.sendall(b"b")
                assert read_exactly(visitor, 1) == b"b"


def test_the_file_of_use(tmp_path, address):
    """The next process has it, and an upgrade in vain leaves it to the old one."""
    use = tmp_path / "use"
    limits = {"bytes_per_day": 100000}
    auth = [{"use": "multi_secret", "secrets": {"alice": "s3cret of alice"}}]
    server = Upgrades(tmp_path, address, server={"usage_file": str(use)}, limits=limits, auth=auth)
    with server, Echo() as echo:
        with spore_client(server.control, echo.port, secret="s3cret of alice") as client:
            one_exchange(server.public_host, client.port, b"x" * 1000)
            server.upgrade()
            assert "2000 2000 alice" in use.read_text()
            server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
            one_exchange(server.public_host, client.port, b"x" * 1000)
            server.upgrade_in_vain(
                fake_program(tmp_path, 'say(ready=True); hear("go"); sys.exit(1)')
            )
            one_exchange(server.public_host, client.port, b"x" * 1000)
            server.upgrade()
            assert "6000 6000 alice" in use.read_text()
            assert "a running server has the file" not in server.process.log()


def change_file_of_use(server, name):
    """None: no file."""
    config = json.loads(server.path.read_text())
    config["server"].pop("usage_file", None)
    if name:
        config["server"]["usage_file"] = name
    server.path.write_text(json.dumps(config))


def test_another_file_of_use(tmp_path, address):
    """If it does not exist, it begins with the counts of the old process, also if that has had no
    file, and has them at once. If it exists, its own counts hold. Nothing counts twice."""
    auth = [{"use": "multi_secret", "secrets": {"alice": "s3cret of alice"}}]
    limits = {"bytes_per_day": 100000}
    server = Upgrades(tmp_path, address, limits=limits, auth=auth)
    files = {name: tmp_path / name for name in ("use", "use2")}
    with server, Echo() as echo:
        with spore_client(server.control, echo.port, secret="s3cret of alice") as client:

            def move(name, expected):
                one_exchange(server.public_host, client.port, b"x" * 1000)
                change_file_of_use(server, name and str(files[name]))
                server.upgrade()
                if name:
                    assert f"{expected} {expected} alice" in files[name].read_text()
                server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
                (tunnel,) = server.admin.ask("tunnels")["tunnels"]
                assert str(expected) in json.dumps(tunnel), tunnel

            move("use", 2000)
            move("use2", 4000)
            move("use2", 6000)
            move(None, 8000)
            other = tmp_path / "other"  # replaces the file, so that the older processes leave it
            other.write_text(files["use2"].read_text().replace("8000 8000", "70 70"))
            other.rename(files["use2"])
            move("use2", 70)
            log = server.process.log()
            assert log.count("goes on from the counts of the server before") == 2
            assert "begins at 0" not in log


def test_exporters_keep_their_ports(tmp_path, address):
    """No scrape is refused."""
    port = address.free_port()
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    with Upgrades(tmp_path, address, metrics=metrics) as server:
        failures, over = [], threading.Event()

        def scrape():
            while not over.wait(0.01):
                try:
                    assert Exporter(address.host, port).get("/readyz")[0] == 200
                except (OSError, AssertionError) as failure:
                    failures.append(repr(failure))

        thread = threading.Thread(target=scrape)
        thread.start()
        for _ in range(2):
            server.upgrade()
            time.sleep(0.2)
        over.set()
        thread.join()
        assert not failures
        server.await_end(server.pids[0])


# ---- the process


def test_a_signal(server):
    """USR2 runs the program at the path of the running one."""
    with Echo() as echo, spore_client(server.control, echo.port) as client:
        server.process.signal(signal.SIGUSR2)
        pid = int(server.process.wait_for(r"upgraded: .* pid=(\d+)").group(1))
        server.pids.append(pid)
        server.process.wait_for(rf"new client .*port={client.port}\b", times=2)
        server.await_end(server.pids[0])
        assert server.admin.ask("status")["pid"] == pid


def test_the_admin_socket_stays(server):
    """The old process does not remove it when it ends."""
    server.upgrade()
    server.await_end(server.pids[0])
    assert server.admin.ask("status")["pid"] == server.pid
    answer = server.admin.ctl("upgrade")
    assert re.match(r"upgraded: version \S+ serves as process \d+; the old process drains", answer)
    server.pids.append(server.admin.ask("status")["pid"])


def test_one_upgrade_at_a_time(server, tmp_path):
    program = fake_program(tmp_path, "time.sleep(100)")
    first = threading.Thread(target=server.admin.ask, args=("upgrade", program))
    first.start()
    server.process.wait_for("upgrading")
    assert "an upgrade runs already" in server.upgrade_in_vain(spore_binary())
    server.process.terminate()
    first.join()
    assert server.process.wait() == 0


class Manager:
    """A service manager, and the messages that it has got so far."""

    def __init__(self, path):
        self.messages, self._socket = [], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            while True:
                self.messages.append(self._socket.recv(4096).decode())


def test_a_service_manager(tmp_path, address):
    """It learns the new main process. Only that one tells it something from then on."""
    manager = Manager(tmp_path / "notify")
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    with Upgrades(tmp_path, address, env=env) as server:
        server.upgrade_in_vain("/bin/false")
        server.upgrade()
        server.await_end(server.pids[0])
        news = f"MAINPID={server.pid}"
        wait_until(lambda: news in manager.messages, "the new process")
        at = manager.messages.index(news)
        wait_until(lambda: "WATCHDOG=1" in manager.messages[at:], "the watchdog")
        talk = [each for each in manager.messages if each != "WATCHDOG=1"]
        assert talk[0].startswith("STATUS=starting")
        assert talk[1:] == ["READY=1\nSTATUS=serving", news, "READY=1\nSTATUS=serving"]


@pytest.mark.timeout(600)
def test_many_upgrades(tmp_path, address):
    """Memory and descriptors after 50 upgrades are those after one."""
    n = int(os.environ.get("SPORE_UPGRADES", count(6, 3)))
    with Upgrades(tmp_path, address, server={"workers": 2}) as server, Echo() as echo:
        with spore_client(server.control, echo.port) as client:
            facts = []
            for i in range(n):
                server.upgrade()
                server.process.wait_for(rf"new client .*port={client.port}\b", times=i + 2)
                assert one_exchange(server.public_host, client.port) == b"ping"
                server.await_end(server.pids[-2])
                time.sleep(0.2)
                facts.append((descriptors_by_kind(server.pid), anonymous_memory(server.pid)))
        print("UPGRADES", n, facts[0], facts[-1])
        first, last = (each[0] for each in (facts[0], facts[-1]))
        # The client keeps some connections for its next visitors.
        assert abs(first.pop("socket") - last.pop("socket")) <= 2
        assert first == last
        if not is_sanitized():
            assert abs(facts[0][1] - facts[-1][1]) < 1 << 20
