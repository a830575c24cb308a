"""Without free descriptors the server waits; it serves again when some are free."""

import contextlib
import json
import re
import select
import time

import pytest

from harness import procfs
from harness.admin import Admin
from harness.peers import is_sanitized, spore_binary, spore_client
from harness.process import Process
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import connected, exchange_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire

NOFILE = 64
FEW = (
    r"too few file descriptors for the configuration needed=(?P<needed>\d+) "
    r'available=(?P<available>\d+) visitors=(?P<visitors>\d+) raise="ulimit -n, or LimitNOFILE='
)


def serves(server, **options):
    """Whether a new client and its visitor are served now."""
    try:
        with Tunnel(server, **options) as tunnel:
            visitor, far = tunnel.join()
            with visitor, far:
                visitor.sendall(b"ping")
                return far.recv(4) == b"ping"
    except (OSError, Ended, AssertionError):
        # No connection, a connection that was cut, or a refusal for lack of a descriptor.
        return False


@pytest.mark.timeout(120)
@pytest.mark.parametrize("secret", [None, "s3cret"], ids=["open", "secret"])
def test_idle_control_connections(start_server, secret):
    with start_server(secret=secret, nofile=NOFILE) as server:
        before = procfs.descriptors(server.pid)
        idle = [connect(*server.control) for _ in range(3 * NOFILE)]
        wait_until(lambda: procfs.descriptors(server.pid) > before + 3, "the server to take some")
        assert server.process.running
        for each in idle:
            each.close()
        wait_until(lambda: serves(server), "the server to serve again", timeout=30, interval=0.2)


@pytest.mark.timeout(120)
def test_clients(start_server):
    """Clients with a tunnel each, until no more fit. The tunnels that fit work."""
    with start_server(nofile=NOFILE) as server:
        tunnels = []
        for _ in range(NOFILE):
            wire = Wire.connect(server.control)
            wire.send({"Hello": 0})
            try:
                message = wire.receive(timeout=1)
            except (Ended, TimeoutError):
                wire.close()
                break
            if list(message) != ["Hello"]:
                wire.close()
                break
            tunnels.append(wire)
        assert 5 < len(tunnels) < NOFILE
        assert server.process.running
        for wire in tunnels:
            wire.close()
        wait_until(lambda: serves(server), "the server to serve again", timeout=30, interval=0.2)


def test_tunnels_leave_room_for_visitors(start_server):
    """One client cannot stop the server for the others, however many tunnels it opens."""
    with start_server(nofile=2 * NOFILE) as server, Tunnel(server) as mine:
        with contextlib.ExitStack() as stack:
            message = {"Hello": 0}
            for _ in range(NOFILE):
                wire = stack.enter_context(Wire.connect(server.control))
                wire.send({"Hello": 0})
                message = wire.receive()
                if list(message) != ["Hello"]:
                    break
            assert message == {"Error": "too many tunnels"}
            server.process.wait_for(
                'client refused .*"too many tunnels: the server\'s descriptors allow no more"'
            )
            for _ in range(5):
                visitor, far = mine.join()
                stack.enter_context(visitor)
                stack.enter_context(far)
                visitor.sendall(b"ping")
                assert far.recv(4) == b"ping"
        wait_until(lambda: serves(server), "places for new tunnels")


@pytest.mark.timeout(120)
def test_visitors(start_server):
    with start_server(nofile=NOFILE) as server, Tunnel(server) as tunnel:
        visitors = [tunnel.visit() for _ in range(NOFILE + 16)]
        tunnel.wire.connection()
        assert server.process.running
        for visitor in visitors:
            visitor.close()
        # Visitors that nobody accepts stay open for ten seconds.
        wait_until(lambda: serves(server), "the server to serve again", timeout=60, interval=0.5)
        assert server.process.running


def ended(visitors, patience):
    """Those that end, or get a byte, within this time. It ends early if all do."""
    left, over = list(visitors), []
    ends = time.monotonic() + patience
    while left and time.monotonic() < ends:
        for visitor in select.select(left, [], [], 0.2)[0]:
            left.remove(visitor)
            over.append(visitor)
    return over


def first_byte(visitor):
    try:
        return visitor.recv(1)
    except ConnectionError:
        return b""


DECLINED = 'reason="the client cannot carry the visitor"'


def expect_declined(process, n):
    """So many visitors, in a log with the option log.visitors."""

    def lines():
        return [line for line in process.stderr if "visitor ended" in line and DECLINED in line]

    wait_until(lambda: len(lines()) >= n, "the visitors' lines")
    assert len(lines()) == n


@pytest.fixture
def visitor_log_server(start_server):
    with start_server(extra=["--log-visitors"]) as server:
        yield server


REMEDY = r'raise="ulimit -n, or LimitNOFILE= of the systemd unit"'


@pytest.mark.timeout(120)
def test_client_out_of_descriptors(visitor_log_server):
    """The client declines the visitors for which it has no descriptor; they end at once. It serves
    the others, and others when these have ended."""
    server = visitor_log_server
    with Echo() as service, spore_client(server.control, service.port, nofile=60) as client:
        most = int(client.process.wait_for(FEW)["visitors"])
        assert 5 < most < 20
        with connected(server.public_host, client.port, most) as served:
            exchange_all(served)
            began = time.monotonic()
            with connected(server.public_host, client.port, 40) as others:
                assert len(ended(others, seconds(5))) == 40
            lasted = time.monotonic() - began
            exchange_all(served)
            expect_declined(server.process, 40)
            client.process.wait_for(
                rf'connection dropped .*"no descriptor is left: 60 are enough for {most} visitors '
                rf'at once" others=0 {REMEDY}'
            )
            lines = [line for line in client.process.stderr if "connection dropped" in line]
            assert len(lines) <= 2 + lasted, lines
            client.process.wait_for(
                r'further lines were left out of="connection dropped" others=\d+ tunnel=',
                timeout=seconds(20),
            )
        wait_until(
            lambda: _pings(server.public_host, client.port),
            "the client to serve again",
            timeout=40,
            interval=0.5,
        )
        assert client.process.running


@pytest.mark.parametrize("spare", [0, 1], ids=["none is left", "one is left"])
def test_client_that_runs_out_nevertheless(configured_server, spare):
    """The client cannot open its two connections for a visitor. Its service is not to blame."""
    config = {"limits": {"max_ahead_per_tunnel": 0}, "log": {"visitors": True}}
    with configured_server(config=config) as server, Echo() as service, spore_client(
        server.control, service.port
    ) as client:
        before = procfs.descriptors_by_kind(client.pid)["socket"]
        assert one_exchange(server.public_host, client.port) == b"ping"
        wait_until(
            lambda: procfs.descriptors_by_kind(client.pid)["socket"] == before,
            "the first visitor to be forgotten",
        )
        with procfs.few_descriptors(client.pid, spare):
            with connected(server.public_host, client.port, 5) as visitors:
                assert len(ended(visitors, seconds(5))) == 5
            expect_declined(server.process, 5)
            client.process.wait_for(rf"connection (failed|dropped) .*Too many open.* {REMEDY}")
            assert not any("not reached" in line for line in client.process.stderr)
        assert one_exchange(server.public_host, client.port) == b"ping"


def test_client_that_could_not_carry_anybody():
    options = ["--to", "localhost", "--ahead", "30"]
    with Process([spore_binary(), "local", "1", *options], nofile=NOFILE) as client:
        assert client.wait() == 1
        assert re.search(
            r"error: too few file descriptors: the tunnels, the connections opened ahead and a "
            r"visitor need 65, but the process may have 64; raise ulimit -n",
            "\n".join(client.stderr),
        )


@pytest.mark.parametrize("flags", [[], ["--check"]], ids=["start", "check"])
def test_server_without_a_limit_of_visitors(address, flags):
    flags = ["--bind-addr", address.host, "--control-port", address.free_port(), *flags]
    with Process([spore_binary(), "server", *map(str, flags)], nofile=NOFILE) as server:
        server.wait_for(FEW)


def test_client_without_a_descriptor_for_its_tunnel(address):
    """The log names the limit to raise."""
    nowhere = (address.host, address.free_port())
    flags = ["--retry", "--log-level", "debug"]
    with spore_client(nowhere, 1, extra=flags, listening=False) as client:
        client.process.wait_for(r"no tunnel yet, trying again .*Connection refused")
        with procfs.few_descriptors(client.pid, 0):
            client.process.wait_for(
                rf"no tunnel yet, trying again .*Too many open files.* {REMEDY}"
            )


@pytest.mark.timeout(120)
def test_server_names_the_limit(start_server, tmp_path):
    """A visitor is refused for lack of descriptors: the log and the status say so."""
    admin = Admin(tmp_path / "admin.sock")
    with start_server(nofile=NOFILE, extra=admin.flags) as server, Tunnel(server) as tunnel:
        status = admin.ask("status")
        most = status["max_visitors"]
        assert status["max_visitors_from"] == "descriptors"
        assert status["visitors"] == 0 and 3 < most < NOFILE / 2
        visitors = [tunnel.visit() for _ in range(most + 5)]
        refused = ended(visitors, seconds(2))
        assert len(refused) == 5
        server.process.wait_for(
            r'visitor refused .*reason="the server has no descriptors for more visitors" .*'
            rf"limit={most} from=descriptors {REMEDY}"
        )
        assert admin.ask("status")["visitors"] == most
        assert f"{most} of at most {most} (set by descriptors)" in admin.ctl("status")
        for visitor in visitors:
            visitor.close()


def test_client_of_many_tunnels(server, tmp_path):
    """The limit accounts for control connections: descriptors do not run out. Excess visitors are
    declined, and no other one is lost."""
    n, most = 100, 4 * NOFILE
    with Echo() as service:
        config = tmp_path / "client.json"
        config.write_text(
            json.dumps({"tunnels": [{"local": f"127.0.0.1:{service.port}"} for _ in range(n)]})
        )
        with spore_client(
            server.control, None, nofile=most, extra=["--config", config], listening=False
        ) as client:
            client.process.wait_for(r"listening at .*:\d+", stream="stdout", times=n)
            ports = [
                int(line.rpartition(":")[2])
                for line in client.process.stdout
                if "listening" in line
            ]
            with contextlib.ExitStack() as stack:
                visitors = [
                    stack.enter_context(connect(server.public_host, port))
                    for port in ports + ports[: n // 2]
                ]
                for visitor in visitors:
                    with contextlib.suppress(ConnectionError):
                        visitor.sendall(b"x")
                wait_until(lambda: service.accepted > 50, "many visitors to be served")
                assert len(ended(visitors, seconds(10))) == len(visitors)
                echoes = sum(first_byte(visitor) == b"x" for visitor in visitors)
                assert echoes == service.accepted
            assert not any("Too many" in line for line in client.process.stderr)


def test_more_workers_than_descriptors_allow(start_server):
    """As on a machine with many CPUs: the server starts fewer workers, and they serve."""
    with start_server(secret="s3cret", nofile=NOFILE, extra=["--workers", "32"]) as server:
        server.process.wait_for(r"too few file descriptors.*asked=32 workers=2", stream="stderr")
        assert serves(server)


@pytest.mark.parametrize("has_socket", [False, True])
def test_the_fewest(start_server, tmp_path, has_socket):
    """A server starts if a tunnel and a visitor are possible. Otherwise it says what it needs, and
    so does a check. No library has words of its own."""
    admin = Admin(tmp_path / "admin.sock")
    flags = admin.flags if has_socket else []
    config = tmp_path / "server.json"
    config.write_text(
        json.dumps({"server": {"bind_addr": "127.0.0.1"}, "auth": [{"use": "hmac", "secret": "x"}]})
    )
    check = [spore_binary(), "server", "--check", "--config", config, *flags]
    refused = (
        r"error: too few file descriptors: .* need \d+, but the process may have {}; raise"
        r"|error: cannot open .*server\.json: Too many open files"
    )
    served = []
    # A sanitizer needs some itself.
    for most in range(8 if is_sanitized() else 5, 26):
        with Process(check, nofile=most) as process:
            status = process.wait()
            said = "\n".join(process.stderr)
        assert "libev" not in said and "crashed" not in said
        if "error while loading shared libraries" in said:
            continue  # not ours to say
        if status != 0:
            assert re.search(refused.format(most), said), said
            assert not served, "more are not worse than fewer"
            continue
        served.append(most)
        if len(served) <= 2:
            with start_server(secret="x", nofile=most, extra=flags) as server, Echo() as service:
                with spore_client(server.control, service.port, secret="x") as client:
                    assert one_exchange(server.public_host, client.port) == b"ping"
    assert served and served[0] > 15


def test_too_few_for_the_configuration(start_server, tmp_path):
    """The start says how many descriptors are needed, and how many there are."""
    with start_server(nofile=30) as server:
        few = server.process.wait_for(FEW)
        assert int(few["available"]) == 30
        assert 2 * 256 < int(few["needed"]) < 600  # for the visitors that are expected
    config = tmp_path / "server.json"
    config.write_text('{ "limits": { "max_relays": 500 } }')
    with start_server(nofile=NOFILE, extra=["--config", config]) as server:
        assert 1000 < int(server.process.wait_for(FEW)["needed"]) < 1250
    config.write_text('{ "limits": { "max_relays": 5 } }')
    few_relays = start_server(nofile=NOFILE, extra=["--config", config])
    with few_relays as server, Echo() as service:
        assert not any("too few" in line for line in server.process.stderr)
        with spore_client(server.control, service.port, nofile=NOFILE) as client:
            few = client.process.wait_for(FEW)
            assert int(few["available"]) == NOFILE and 2 * int(few["visitors"]) < NOFILE
            assert 2 * 256 < int(few["needed"]) < 600  # for as many as it may set up at once
        dials = ["--config", tmp_path / "client.json"]
        dials[1].write_text('{ "client": { "max_dials": 10 } }')
        with spore_client(server.control, service.port, nofile=NOFILE, extra=dials) as client:
            assert not any("too few" in line for line in client.process.stderr)


def _pings(host, port):
    try:
        return one_exchange(host, port) == b"ping"
    except OSError:
        return False
