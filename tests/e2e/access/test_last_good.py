"""Degraded, not dead: "on_error": "last_good" with auth_http, while the web service fails."""

import contextlib
import http.client
import json
import pathlib
import signal
import sys
import time

import pytest

from harness.peers import spore_client
from harness.process import Process
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.web_service import (
    PLUGIN,
    SECRETS,
    UNAVAILABLE,
    FaultyService,
    WebService,
    asking_server,
    check,
    judge,
    key_of,
    refusal,
)
from harness.wire import Tunnel, Wire, answer

LET_IN = "client let in by an earlier verdict: the auth plugin could not decide"
CARRIED = "data connection let in by an earlier verdict: the auth plugin could not decide"


@pytest.fixture
def serve(address, tmp_path):
    """A server whose service listens at .service_port, and that gives it up quickly."""

    @contextlib.contextmanager
    def run(path="/verify", **options):
        port = address.free_port()
        options = {"timeout": "200ms", "breaker_pause": "50ms", **options}
        url = f"http://{address.host}:{port}{path}"
        with asking_server(address, tmp_path, url, on_error="last_good", **options) as server:
            server.service_port = port
            yield server

    return run


@contextlib.contextmanager
def example(address, port, folder, **clients):
    """The example service, which knows these secrets."""
    policy = {"max_conns": 7, "ports": "1024-65535"}
    known = {name: {"secret": secret, "policy": policy} for name, secret in clients.items()}
    (folder / "clients.json").write_text(json.dumps(known), encoding="utf-8")
    program = PLUGIN / "example" / "service.py"
    argv = [sys.executable, program, address.host, str(port), folder / "clients.json"]
    with Process(argv, name="service") as service:
        wait_until(lambda: can_connect(address.host, port), "the service to listen")
        yield service


def can_connect(host, port):
    with contextlib.suppress(OSError):
        connect(host, port).close()
        return True
    return False


def used(server, purpose):
    name = "spore_auth_last_good_total"
    return server.exporter.value(name, plugin="http", purpose=purpose)


def held(server):
    return server.exporter.value("spore_auth_last_good_entries", plugin="http")


def holds_nothing(server):
    """False also while a reload replaces the exporter."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return held(server) == 0
    return False


def use(tunnel):
    visitor, far = tunnel.join()
    with visitor, far:
        visitor.sendall(b"ping")
        assert read_exactly(far, 4) == b"ping"


def reload(server, **options):
    """Changes options of the service's instance."""
    path = pathlib.Path(server.process.argv[-1])
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auth"][0].update(options)
    path.write_text(json.dumps(config), encoding="utf-8")
    times = len([line for line in server.process.lines if "configuration reloaded" in line])
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded", times=times + 1)


def ask_until_closed(server):
    """Asks until the breaker lets questions through again."""
    wait_until(
        lambda: refusal(server, "nobody's") == "invalid secret", "the service to be asked again"
    )


def test_the_example_service_stops_is_killed_and_denies(serve, address, tmp_path):
    """Whoever was in gets in again, with the same rights; nobody else does. A denial is final."""
    with serve() as server:
        with example(
            address, server.service_port, tmp_path, alice="a", bob="b", eve="e"
        ) as service:
            assert refusal(server, "a", "alice") is None
            assert refusal(server, "b") is None  # bore's answer, without a name
            assert refusal(server, "wrong", "alice") == "invalid secret"
            assert held(server) == 2
            service.signal(signal.SIGSTOP)
            assert refusal(server, "a", "alice") is None
            assert refusal(server, "b") is None
            for secret, name in ("wrong", "alice"), ("e", "eve"), ("a", "bob"), ("a", ""):
                assert refusal(server, secret, name) == UNAVAILABLE
            server.process.wait_for(f"{LET_IN} plugin=http identity=alice .*SPORE_E")
            service.signal(signal.SIGKILL)
            service.wait()
        with Tunnel(server, secret="b") as tunnel:
            use(tunnel)  # with the key that the service told before
            server.process.wait_for(f"{LET_IN} plugin=http identity=bob ", times=2)
        assert used(server, "control") == 3 and used(server, "data") == 0
        # The service returns with another secret for alice, and denies the old one.
        with example(address, server.service_port, tmp_path, alice="new", bob="b"):
            ask_until_closed(server)
            assert refusal(server, "a", "alice") == "invalid secret"
            assert held(server) == 1
        assert refusal(server, "a", "alice") == UNAVAILABLE
        assert refusal(server, "b") is None
        assert used(server, "control") == 4


def test_every_fault_is_survived(serve, address):
    with serve(breaker_failures=1000) as server:
        with knowing_bob(server):
            assert refusal(server, SECRETS["bob"]) is None
        for n, fault in enumerate(["reset", "end", "500", "garbage", "no JSON", "silent"], 1):
            with FaultyService(address.host, server.service_port, fault) as service:
                assert refusal(server, SECRETS["bob"]) is None, fault
                assert refusal(server, SECRETS["alice"]) == UNAVAILABLE, fault
                assert service.requests
            assert used(server, "control") == n


def web_service(server, reply):
    """A service that is gone completely at its end, with its connections."""
    return WebService((server.public_host, server.service_port), reply, keep=False)


def knowing_bob(server):
    return web_service(server, judge(key=key_of(SECRETS["bob"])))


def keys(path, asked):
    """The mode "key": no key lives, so each answer needs the service."""
    name = path.rpartition("/")[2]
    if name not in SECRETS:
        return 404, {}
    return 200, check("key-reply", {"key": key_of(SECRETS[name]), "life": 0})


def dial(server, secret, name):
    wire = Wire.connect(server.control)
    tag = answer(secret, wire.receive()["Challenge"])
    wire.send({"Authenticate": f"{name}:{tag}"})
    return wire


def carry(server, wire, port, secret, name):
    """A visitor whose data connection has this secret and name: the text of its refusal."""
    with connect(server.public_host, port) as visitor:
        number = wire.connection()
        with dial(server, secret, name) as data:
            data.send({"Accept": number})
            visitor.sendall(b"ping")
            if (head := read_exactly(data.stream(), 4)) != b"ping":
                data.buffer += head
                return data.receive_but_heartbeats()["Error"]
    return None


def test_data_connections_during_an_outage(serve, address):
    """They need the proof of their tunnel's client; a denial ends this."""
    with serve("/keys/{name}", mode="key") as server:
        alice, bob = (SECRETS["alice"], "alice"), (SECRETS["bob"], "bob")
        with dial(server, *alice) as wire, contextlib.ExitStack() as stack:
            with web_service(server, keys):
                port = wire.hello()
                assert carry(server, wire, port, *alice) is None
                assert refusal(server, *bob) is None
            assert carry(server, wire, port, *alice) is None
            assert carry(server, wire, port, *alice) is None
            server.process.wait_for(f"{CARRIED} plugin=http identity=alice ")
            assert used(server, "data") == 2
            assert carry(server, wire, port, *bob) == UNAVAILABLE
            assert refusal(server, *bob) is None
            stack.enter_context(web_service(server, lambda path, asked: (404, {})))
            wait_until(lambda: refusal(server, "x", "eve") == "invalid secret", "the service")
            assert held(server) == 2
            assert carry(server, wire, port, *alice) == "invalid secret"
            assert held(server) == 1


def test_a_spore_client_during_an_outage(serve, address, tmp_path):
    """One that starts again, with its name, and carries visitors."""
    (tmp_path / "client").mkdir()
    path = tmp_path / "client" / "client.json"
    auth = {"use": "hmac", "secret": SECRETS["alice"], "identity": "alice"}
    path.write_text(json.dumps({"auth": [auth]}), encoding="utf-8")
    with serve("/keys/{name}", mode="key") as server, Echo() as echo:
        with web_service(server, keys):
            with spore_client(server.control, echo.port, extra=["--config", path]) as client:
                assert one_exchange(client.host, client.port) == b"ping"
        with spore_client(server.control, echo.port, extra=["--config", path]) as client:
            assert one_exchange(client.host, client.port) == b"ping"
        assert used(server, "control") == 1 and used(server, "data") >= 1


def test_the_time_begins_when_the_tunnel_ends(serve, address):
    with serve(last_good_for="400ms") as server:
        with knowing_bob(server), Tunnel(server, secret=SECRETS["bob"]):
            time.sleep(0.5)
            assert held(server) == 1
        assert refusal(server, SECRETS["bob"]) is None
        wait_until(lambda: refusal(server, SECRETS["bob"]) == UNAVAILABLE, "the end of its time")
        wait_until(lambda: held(server) == 0, "the verifier to be wiped")


def test_a_reload_during_an_outage(serve, address):
    """The same configuration goes on, for another time; any other begins anew."""
    with serve() as server:
        with knowing_bob(server), Tunnel(server, secret=SECRETS["bob"]):
            pass
        reload(server, last_good_for="2h")
        server.process.wait_for("changed key=/auth/0/last_good_for from=.*1h.* to=.*2h")
        assert refusal(server, SECRETS["bob"]) is None
        reload(server, timeout="199ms")
        assert refusal(server, SECRETS["bob"]) == UNAVAILABLE
        wait_until(lambda: holds_nothing(server), "the old instance to end")
