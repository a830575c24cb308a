"""auth_http: a web service decides, or tells the keys; and what happens while it fails."""

import contextlib
import json
import pathlib
import sys
import time

import jsonschema
import pytest

from harness.peers import REPOSITORY, configured_server, spore_client
from harness.process import Process
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.web_service import (
    FAULTS,
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
    results,
)
from harness.wire import Tunnel, Wire, answer


@pytest.fixture
def serve(address, tmp_path):
    """As harness.web_service.asking_server."""
    return lambda url, **options: asking_server(address, tmp_path, url, **options)


def url_of(address, service, path="/verify", scheme="http"):
    return f"{scheme}://{address.host}:{service.port}{path}"


def use(tunnel):
    visitor, far = tunnel.join()
    with visitor, far:
        visitor.sendall(b"ping")
        assert read_exactly(far, 4) == b"ping"


# The mode "verify"


def test_the_service_decides(serve, address):
    """bore's answers and those with a name; the key spares questions about data connections."""
    key = key_of(SECRETS["alice"])
    limits = {"ports": "1024-65535", "max_tunnels": 1, "life": "1h"}
    with WebService((address.host, 0), judge(key=key, policy=limits)) as service:
        with serve(url_of(address, service)) as server:
            with Tunnel(server, secret=SECRETS["alice"]) as tunnel:
                server.process.wait_for(r"new client .*identity=alice ")
                for _ in range(5):
                    use(tunnel)
                assert refusal(server, SECRETS["alice"], "alice") not in (None, "invalid secret")
            assert refusal(server, "wrong") == "invalid secret"
            server.process.wait_for("the service refuses a client: nobody I know")
            assert [body["purpose"] for _, _, body in service.requests] == ["control"] * 3
            assert service.requests[1][2]["name"] == "alice"
            assert results(server) == {"replied": 3}
            assert server.exporter.value("spore_http_request_seconds_count") == 3


def test_without_a_key_each_data_connection_is_asked_for(serve, address):
    with WebService((address.host, 0), judge()) as service:
        with serve(url_of(address, service)) as server:
            with Tunnel(server, secret=SECRETS["bob"]) as tunnel:
                use(tunnel)
                use(tunnel)
                purposes = [body["purpose"] for _, _, body in service.requests]
                assert purposes == ["control", "data", "data"]
                # Another client of the service does not get this one's visitors.
                with tunnel.visit():
                    number = tunnel.wire.connection()
                    with Wire.connect(server.control) as wire:
                        wire.authenticate(SECRETS["alice"])
                        wire.send({"Accept": number})
                        assert wire.receive_but_heartbeats() == {"Error": "invalid secret"}


def test_connections_are_kept(serve, address):
    with WebService((address.host, 0), judge()) as service:
        with serve(url_of(address, service), workers=1) as server:
            for _ in range(5):
                assert refusal(server, "wrong") == "invalid secret"
            assert (len(service.requests), service.connections) == (5, 1)


def test_token_and_headers_are_sent_and_not_logged(serve, address):
    with WebService((address.host, 0), judge()) as service:
        headers = {"X-Tenant": "hunter3"}
        url = url_of(address, service)
        with serve(f"{url}?key=hunter4", token="hunter2", headers=headers) as server:
            refusal(server, "wrong")
            server.process.wait_for(f'the service refuses .* plugin=http url="?{url}"?$')
            sent = service.requests[0][1]
            assert (sent["Authorization"], sent["X-Tenant"]) == ("Bearer hunter2", "hunter3")
            assert not any("hunter" in line for line in server.process.lines)


def test_a_reload_asks_again(serve, address):
    """The tunnel stays, under the new instance, or ends if the service denies it now."""
    with WebService((address.host, 0), judge(key=key_of(SECRETS["bob"]))) as service:
        with serve(url_of(address, service)) as server:
            with Tunnel(server, secret=SECRETS["bob"]) as tunnel:
                path = pathlib.Path(server.process.argv[-1])
                config = json.loads(path.read_text())
                config["auth"][0]["timeout"] = "1.9s"
                path.write_text(json.dumps(config))
                server.process.signal(1)
                wait_until(lambda: len(service.requests) == 2, "a second question")
                renewed = service.requests[1][2]
                assert (renewed["purpose"], renewed["identity"]) == ("renew", "bob")
                use(tunnel)
                service.reply = lambda path, asked: (200, {"verdict": "deny"})
                config["auth"][0]["timeout"] = "1.8s"
                path.write_text(json.dumps(config))
                server.process.signal(1)
                assert list(tunnel.wire.receive_but_heartbeats()) == ["Error"]


# TLS and sockets


def test_tls_is_verified(serve, address, authority):
    good = authority.issue(f"IP:{address.host}")
    other = authority.issue("DNS:other.example")
    options = {"cacertfile": authority.path}
    with WebService((address.host, 0), judge(), good) as service:
        url = url_of(address, service, scheme="https")
        with serve(url, **options) as server:
            Tunnel(server, secret=SECRETS["alice"]).wire.close()
        with serve(url) as server:
            assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
            server.process.wait_for("the service gave no verdict: .*certificate")
    with WebService((address.host, 0), judge(), other) as service:
        with serve(url_of(address, service, scheme="https"), **options) as server:
            assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
            server.process.wait_for("the service gave no verdict: .*(subject|name)")
            assert results(server) == {"untrusted": 1} and not service.requests


def test_a_unix_socket(serve, tmp_path):
    with WebService(str(tmp_path / "s"), judge()) as service:
        with serve(f"http://unix:{tmp_path}/s:/verify?a=b") as server:
            Tunnel(server, secret=SECRETS["alice"]).wire.close()
            assert service.requests[0][0] == "/verify?a=b"


def test_a_host_name(serve, address):
    """The host looks it up; libcurl, which would start a thread, does not."""
    with WebService(("127.0.0.1", 0), judge()) as service:
        with serve(f"http://localhost:{service.port}/", workers=1) as server:
            Tunnel(server, secret=SECRETS["alice"]).wire.close()
    with serve("http://absent.invalid/", insecure=True, breaker_failures=1) as server:
        assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
        server.process.wait_for("the service gave no verdict: its host name has no address")


# Faults

RESULTS = {
    "reset": "broken",
    "end": "broken",
    "500": "bad_status",
    "garbage": "broken",
    "no JSON": "bad_reply",
    "10 MB": "too_long",
    "endless headers": "too_long",
    "silent": "timeout",
}


def is_asked(server):
    """What `spore ctl status` says of the instance."""
    (line,) = [each for each in server.admin.ctl("status").splitlines() if "auth http" in each]
    return line.removeprefix("auth http").strip()


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(serve, address, fault):
    """Nobody gets in, the log and the metrics say why, and the service is asked again later."""
    port = address.free_port()
    url = f"http://{address.host}:{port}/"
    options = {"timeout": "300ms", "breaker_failures": 2, "breaker_pause": "100ms"}
    with serve(url, **options) as server:
        with FaultyService(address.host, port, fault) as service:
            for _ in range(3):
                assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
            # Each request was sent once, and the third was not sent.
            assert service.requests == 2
            assert results(server) == {RESULTS[fault]: 2, "suspended": 1}
            assert server.exporter.value("spore_http_breaker_state") == 2
            assert (
                is_asked(server) == "the service has failed; it is not asked until the next trial"
            )
            shown = f' plugin=http url="?{url}"?$'
            server.process.wait_for(f"the service gave no verdict: .*{shown}")
            server.process.wait_for(f"the service fails: .*{shown}")
        with WebService((address.host, port), judge()):
            wait_until(lambda: refusal(server, SECRETS["alice"]) is None, "a client to get in", 2)
            assert server.exporter.value("spore_http_breaker_state") == 0
            assert is_asked(server) == "the service is asked"
            server.process.wait_for("the service works again")


def test_nobody_listens(serve, address):
    with serve(f"http://{address.host}:{address.free_port()}/") as server:
        assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
        assert results(server) == {"unreachable": 1}


@pytest.mark.parametrize(
    "policy, said",
    [
        ({"ports": [20000]}, "/policy/ports: expected a text of at most 64 ports and ranges"),
        (
            {"life": "1h", "max_tunnel": 1},
            "/policy/max_tunnel: unknown: expected only ports, max_tun",
        ),
        ([], "/policy: expected an object of limits"),
    ],
    ids=["wrong", "unknown", "no object"],
)
def test_a_wrong_policy_is_named(serve, address, policy, said):
    reply = {"verdict": "allow", "identity": "alice", "policy": policy}
    with pytest.raises(jsonschema.ValidationError):
        check("verify-reply", reply)
    with WebService((address.host, 0), lambda *_: (200, reply)) as service:
        with serve(url_of(address, service)) as server:
            assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
            server.process.wait_for(f"its reply is wrong: {said}")


def test_on_error_next(serve, address):
    """A service that fails can leave the decision to the next instance."""
    chain = [{"use": "hmac", "secret": "emergency"}]
    url = f"http://{address.host}:{address.free_port()}/"
    with serve(url, auth=chain, on_error="next") as server:
        Tunnel(server, secret="emergency").wire.close()
        assert refusal(server, "wrong") == UNAVAILABLE  # the service might have known it


# The mode "key"


def keys(life=60, **more):
    def reply(path, asked):
        name = path.rpartition("/")[2]
        if name not in SECRETS:
            return 404, {}
        return 200, check("key-reply", {"key": key_of(SECRETS[name]), "life": life, **more})

    return reply


def test_keys_of_names(serve, address):
    with WebService((address.host, 0), keys(policy={"max_tunnels": 2})) as service:
        url = url_of(address, service, "/keys/{name}")
        with serve(url, mode="key", workers=1) as server, Echo() as echo:
            path = pathlib.Path(server.process.argv[-1]).with_name("client.json")
            auth = {"use": "hmac", "secret": SECRETS["alice"], "identity": "alice"}
            path.write_text(json.dumps({"auth": [auth]}))
            with spore_client(server.control, echo.port, extra=["--config", path]) as client:
                server.process.wait_for("new client .*identity=alice ")
                assert one_exchange(client.host, client.port) == b"ping"
                assert refusal(server, SECRETS["bob"], "alice") == "invalid secret"
                assert refusal(server, SECRETS["alice"], "alice") is None
            assert [path for path, _, _ in service.requests] == ["/keys/alice"]
            # Unknown names, names that would change the path, and answers without a name.
            assert refusal(server, "x", "eve%2F") == "invalid secret"
            assert refusal(server, "x", "..") == "invalid secret"
            assert refusal(server, SECRETS["alice"]) == "invalid secret"
            assert [path for path, _, _ in service.requests[1:]] == ["/keys/eve%2F"]


def test_a_key_lives_as_long_as_the_reply_says(serve, address):
    with WebService((address.host, 0), keys(life=0)) as service:
        url = url_of(address, service, "/{name}")
        with serve(url, mode="key", workers=1) as server:
            for _ in range(3):
                assert refusal(server, SECRETS["bob"], "bob") is None
            assert len(service.requests) == 3


def test_a_name_is_asked_for_once_at_a_time(serve, address):
    def slow(path, asked):
        time.sleep(0.3)
        return keys()(path, asked)

    with WebService((address.host, 0), slow) as service:
        with serve(url_of(address, service, "/{name}"), mode="key", workers=1) as server:
            wires = [Wire.connect(server.control) for _ in range(20)]
            for wire in wires:
                tag = answer(SECRETS["bob"], wire.receive()["Challenge"])
                wire.send({"Authenticate": f"bob:{tag}"}, {"Hello": 0})
            for wire in wires:
                assert "Hello" in wire.receive_but_heartbeats()
                wire.close()
            assert len(service.requests) == 1


# The example


@pytest.mark.parametrize("mode", ["verify", "key"])
def test_the_example_service(serve, address, tmp_path, mode):
    """The program that the page shows, in both modes."""
    port = address.free_port()
    clients = {"alice": {"secret": "a-secret", "policy": {"ports": "1024-65535"}}}
    (tmp_path / "clients.json").write_text(json.dumps(clients))
    program = PLUGIN / "example" / "service.py"
    assert len(program.read_text().splitlines()) < 60
    argv = [sys.executable, program, address.host, str(port), tmp_path / "clients.json"]
    url = f"http://{address.host}:{port}/" + ("{name}" if mode == "key" else "verify")
    with Process(argv, name="service") as service, serve(url, mode=mode) as server:
        wait_until(lambda: can_connect(address.host, port), "the service to listen")
        assert refusal(server, "a-secret", "alice") is None
        assert refusal(server, "wrong", "alice") == "invalid secret"
        assert refusal(server, "a-secret", "eve") == "invalid secret"
        assert service.running and set(results(server)) == {"replied"}


@pytest.mark.parametrize("mode", ["verify", "key"])
def test_the_token_of_the_example_service(serve, address, tmp_path, mode):
    """Only a server with its token gets replies."""
    port = address.free_port()
    (tmp_path / "clients.json").write_text('{"alice": {"secret": "a-secret"}}')
    program = PLUGIN / "example" / "service.py"
    argv = [program, address.host, str(port), tmp_path / "clients.json"]
    url = f"http://{address.host}:{port}/" + ("{name}" if mode == "key" else "verify")
    with Process(argv, name="service", env={"AUTH_TOKEN": "right"}):
        wait_until(lambda: can_connect(address.host, port), "the service to listen")
        with serve(url, mode=mode, token="right") as server:
            assert refusal(server, "a-secret", "alice") is None
            assert set(results(server)) == {"replied"}
        for options in ({"token": "wrong"}, {}):
            with serve(url, mode=mode, **options) as server:
                assert refusal(server, "a-secret", "alice") not in (None, "invalid secret")
                assert set(results(server)) == {"bad_status"}


def test_the_example_configuration(address, tmp_path):
    """conf/server-http.json, with the service at another address. Who was let in gets in again
    while the service is down, and nobody else does."""
    config = json.loads((REPOSITORY / "conf" / "server-http.json").read_text(encoding="utf-8"))
    key = key_of(SECRETS["alice"])
    with contextlib.ExitStack() as stack:
        with WebService((address.host, 0), judge(key=key), keep=False) as service:
            config["auth"][0] |= {"url": url_of(address, service), "token": "t"}
            server = stack.enter_context(configured_server(address, tmp_path, **config))
            Tunnel(server, secret=SECRETS["alice"]).wire.close()
            assert service.requests[0][1]["Authorization"] == "Bearer t"
        Tunnel(server, secret=SECRETS["alice"]).wire.close()
        server.process.wait_for("client let in by an earlier verdict.* identity=alice ")
        assert refusal(server, SECRETS["bob"]) == UNAVAILABLE


def can_connect(host, port):
    try:
        connect(host, port).close()
    except OSError:
        return False
    return True
