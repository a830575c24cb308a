"""`spore auth test`: what each instance of a chain says to a client that does not call."""

import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest

from harness.admin import Admin
from harness.passwords import htpasswd
from harness.peers import configured_server, spore_binary
from harness.process import clean_environment, run
from harness.scale import seconds
from harness.signing import ssh_keygen
from harness.web_service import WebService

ALLOWED, ERROR, REFUSED = 0, 1, 3
SECRETS = {"alice": "a-secret", "bob": "b-secret"}
NO_LIMITS_ON_USE = dict.fromkeys(
    ("rate_up", "rate_down", "bytes_per_day", "bytes_per_month", "visitors_per_second")
)
POLICY = {"alice": {"ports": "20005-20200", "max_tunnels": 3, "max_conns": 40, "life": "90m"}}
TEAM = [
    {"use": "multi_secret", "name": "people", "secrets": SECRETS, "policy": POLICY},
    {"use": "hmac", "name": "team", "secret": "the team's secret", "identity": "team"},
]
PORTS = {"ports": "20000-20010"}
PLUGINS = {"path": [str(pathlib.Path(spore_binary()).parent / "test-plugins")]}


class Asker:
    """Asks a chain; `where` are the flags that say whose."""

    def __init__(self, folder, *where):
        self.folder = folder
        self.where = where
        self.admin = self.server = None  # of a running server

    def run(self, *flags, secret=None, status=ALLOWED):
        """The finished process, whose exit status must be this."""
        if secret is not None:
            path = self.folder / "client.secret"
            path.write_text(secret, encoding="utf-8")
            path.chmod(0o600)
            flags += ("--secret-file", path)
        process = run([spore_binary(), "auth", "test", *self.where, *flags], timeout=20)
        assert process.status == status, process.log()
        assert not secret or not any(secret in line for line in process.lines), process.log()
        return process

    def ask(self, *flags, **options):
        """The answer as JSON."""
        return json.loads("\n".join(self.run(*flags, "--json", **options).stdout))


def said(answer):
    return [(instance["name"], instance["said"]) for instance in answer["instances"]]


@pytest.fixture
def alone(tmp_path):
    """A tester of a chain that it loads itself; nothing of the server runs."""

    def make(auth, **sections):
        path = tmp_path / "alone.json"
        path.write_text(json.dumps({"auth": auth, **sections}), encoding="utf-8")
        path.chmod(0o600)
        return Asker(tmp_path, "--config", path)

    return make


@pytest.fixture
def running(address, tmp_path):
    """Starts servers, and returns a tester of each through its admin socket."""
    servers = []

    def start(auth, **sections):
        admin = Admin(tmp_path / "admin.sock")
        server = configured_server(
            address, tmp_path, auth=auth, admin={"socket": admin.path}, **sections
        )
        servers.append(server)
        tester = Asker(tmp_path, "--socket", admin.path)
        tester.admin, tester.server = admin, server
        return tester

    yield start
    for server in servers:
        with server:
            pass


@pytest.fixture(params=["alone", "running"])
def tester(request):
    """Both ways to ask."""
    return request.getfixturevalue(request.param)


def test_one_secret(tester):
    asked = tester([{"use": "hmac", "secret": "s3cret-one"}])
    answer = asked.ask(secret="s3cret-one")
    assert (answer["verdict"], answer["by"], said(answer)) == ("allow", "hmac", [("hmac", "allow")])
    assert answer["allowed"]["identity"] == ""
    answer = asked.ask(secret="another one", status=REFUSED)
    assert (answer["verdict"], said(answer)) == ("deny", [("hmac", "next")])
    assert "allowed" not in answer


def test_what_a_client_would_be_allowed(tester):
    asked = tester(TEAM, server=PORTS)
    answer = asked.ask("--name", "alice", secret="a-secret")
    assert said(answer) == [("people", "allow"), ("team", "not asked")]
    assert answer["allowed"] == {
        "identity": "alice",
        "ports": "20005-20010",
        "max_tunnels": 3,
        "max_conns": 40,
        "life_ms": 90 * 60000,
        **NO_LIMITS_ON_USE,
    }
    assert 0 <= answer["instances"][0]["took_us"] <= answer["took_us"]
    answer = asked.ask("--name", "bob", secret="b-secret")
    assert answer["allowed"] == {
        "identity": "bob",
        "ports": "20000-20010",
        "max_tunnels": None,
        "max_conns": None,
        "life_ms": None,
        **NO_LIMITS_ON_USE,
    }


def test_a_chain_of_two(tester):
    asked = tester(TEAM, server=PORTS)
    answer = asked.ask(secret="the team's secret")
    assert said(answer) == [("people", "next"), ("team", "allow")]
    assert (answer["by"], answer["allowed"]["identity"]) == ("team", "team")
    for flags, secret in [(["--name", "alice"], "b-secret"), (["--name", "carol"], "a-secret")]:
        answer = asked.ask(*flags, secret=secret, status=REFUSED)
        assert said(answer) == [("people", "next"), ("team", "next")]


def test_a_port_that_the_client_may_not_have(tester):
    """The verdict is the server's: it names the range, and where the range comes from."""
    asked = tester(TEAM, server={**PORTS, "reserved_ports": ["20007"]})
    control = asked.server.control[1] if asked.server else 7835
    alice = ["--name", "alice", "--port"]
    assert asked.ask(*alice, "20006", secret="a-secret")["verdict"] == "allow"
    for port, why in [
        (20001, "the policy of people allows the ports 20005-20200 (ports)"),
        (20100, "the server has the public ports 20000-20006,20008-20010 (server.ports)"),
        (20007, "it is reserved (reserved_ports)"),
        (control, "it is the control port"),
    ]:
        answer = asked.ask(*alice, str(port), secret="a-secret", status=REFUSED)
        assert (answer["verdict"], answer["by"]) == ("port_not_allowed", "people")
        text = f"client port number not in allowed range: port {port}: {why}"
        assert answer["status"] == text
        process = asked.run(*alice, str(port), secret="a-secret", status=REFUSED)
        assert f"refused: {text}" in process.stdout
        assert "  ports     20005-20006,20008-20010" in process.stdout
    # The secret is the first thing that is checked.
    answer = asked.ask(*alice, "20001", secret="b-secret", status=REFUSED)
    assert (answer["verdict"], answer["by"]) == ("deny", None)


def test_a_policy_without_a_port_of_the_server(tester, address):
    """A back-end may know the ports of another server."""
    policy = {"ports": "30000-30010"}
    reply = {"verdict": "allow", "identity": "alice", "policy": policy}
    with WebService((address.host, 0), lambda path, asked: (200, reply)) as service:
        http = {"use": "http", "url": f"http://{address.host}:{service.port}/"}
        asked = tester([http], server=PORTS)
        answer = asked.ask("--name", "alice", secret="a-secret", status=REFUSED)
    assert answer["verdict"] == "no_port_left"
    assert answer["status"] == (
        "failed to find an available port: the policy of http allows the ports 30000-30010 "
        "(ports); the server has the public ports 20000-20010 (server.ports)"
    )


def test_the_table(alone):
    asked = alone(TEAM, server=PORTS)
    out = "\n".join(asked.run("--name", "alice", secret="a-secret").stdout)
    assert re.search(r"^people +multi_secret +allow +\d+\.\d{3} ms$", out, re.M), out
    assert re.search(r"^team +hmac +not asked +-$", out, re.M), out
    assert "\nallowed by people\n" in out
    for line in [
        "identity  alice",
        "ports     20005-20010",
        "tunnels   at most 3",
        "life      5400 s",
    ]:
        assert f"\n  {line}" in out, out
    refused = asked.run("--name", "alice", secret="b-secret", status=REFUSED)
    assert refused.stdout[-1] == "refused: no instance accepts the answer"
    # The log has the reason.
    assert any("the answer of alice is refused: its secret is wrong" in i for i in refused.stderr)


def test_mistakes_name_the_flags(alone, tmp_path):
    asked = alone(TEAM)
    absent, good = tmp_path / "absent", tmp_path / "good"
    good.write_text("a-secret", encoding="utf-8")
    good.chmod(0o600)
    for flags, line in [
        (["--secret-file", absent], f"--secret-file: error: .*{absent}.*No such file"),
        (["--kind", "pubkey", "--secret-file", absent], f"--secret-file: error: .*{absent}"),
        (["--name", "x" * 300, "--secret-file", good], "--name: error: .*"),
        (["--to", "a b", "--secret-file", good], "--to: error: .*"),
    ]:
        process = asked.run(*flags, status=ERROR)
        assert any(re.match(line, each) for each in process.stderr), process.log()
        assert not any("/dev/fd" in each for each in process.stderr), process.log()


def test_a_secret_on_standard_input(alone):
    command = [spore_binary(), "auth", "test", *alone(TEAM).where, "--name", "alice"]
    for secret, flags, status in [
        ("a-secret\n", [], ALLOWED),
        ("a-secret", ["--secret-file", "-"], ALLOWED),
        ("b-secret", [], REFUSED),
    ]:
        done = subprocess.run(
            [*map(str, command), *flags],
            input=secret.encode(),
            env=clean_environment(),
            timeout=seconds(20),
            capture_output=True,
            check=False,
        )
        assert done.returncode == status, done


def test_a_configuration_of_a_client(tester, tmp_path):
    client = {
        "client": {"to": "localhost"},
        "tunnels": [{"local_port": 1}],
        "auth": [{"use": "hmac", "identity": "bob", "secret": "b-secret"}],
    }
    path = tmp_path / "client.json"
    path.write_text(json.dumps(client), encoding="utf-8")
    asked = tester(TEAM, server=PORTS)
    assert asked.ask("--client", path)["allowed"]["identity"] == "bob"
    client["auth"][0]["secret"] = {"file": "nothing"}
    path.write_text(json.dumps(client), encoding="utf-8")
    wrong = asked.run("--client", path, status=ERROR)
    assert any("cannot open the secret file" in line for line in wrong.stderr)


@pytest.fixture
def secure_chain(certificate, tmp_path):
    """A chain of keys, then passwords, and the transport that it needs."""
    (tmp_path / "users").write_text(htpasswd("alice", "pass-word 1") + "\n", encoding="utf-8")
    ssh_keygen(tmp_path / "key")
    (tmp_path / "keys").write_text((tmp_path / "key.pub").read_text(), encoding="utf-8")
    auth = [
        {"use": "pubkey", "authorized_keys": ["keys"], "names": ["tunnel.example"]},
        {"use": "htpasswd", "file": "users"},
    ]
    tls = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    return auth, [tls]


def test_passwords(tester, secure_chain):
    auth, transport = secure_chain
    asked = tester(auth, transport=transport)
    flags = ["--kind", "password", "--name", "alice"]
    answer = asked.ask(*flags, "--secure", secret="pass-word 1")
    assert said(answer) == [("pubkey", "next"), ("htpasswd", "allow")]
    answer = asked.ask(*flags, "--secure", secret="pass-word 2", status=REFUSED)
    assert said(answer) == [("pubkey", "next"), ("htpasswd", "next")]
    # A client gives no password away.
    process = asked.run(*flags, secret="pass-word 1", status=ERROR)
    assert any("no answer given: this connection is not secure" in i for i in process.stderr)
    assert any(
        re.match("error: the client's plugin gives no answer: .*: try --secure", i)
        for i in process.stderr
    ), process.log()


def test_signatures(tester, secure_chain, tmp_path):
    auth, transport = secure_chain
    asked = tester(auth, transport=transport)
    flags = ["--kind", "pubkey", "--secret-file", tmp_path / "key", "--secure"]
    answer = asked.ask(*flags, "--to", "tunnel.example")
    assert said(answer) == [("pubkey", "allow"), ("htpasswd", "not asked")]
    assert answer["allowed"]["identity"] == "alice"
    answer = asked.ask(*flags, "--to", "other.example", status=REFUSED)
    assert said(answer) == [("pubkey", "next"), ("htpasswd", "next")]


def test_an_answer_bound_to_the_session(tester, certificate):
    """--secure stands for a session of TLS to which both ends bind the answer."""
    tls = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    auth = [{"use": "hmac", "secret": "x-secret", "binding": "require"}]
    asked = tester(auth, transport=[tls])
    answer = asked.ask("--secure", secret="x-secret", status=REFUSED)
    assert (answer["verdict"], said(answer)) == ("unbound", [("hmac", "unbound")])


def test_instances_that_cannot_decide(tester):
    hmac = {"use": "hmac", "secret": "x-secret"}
    broken = {"use": "wrong", "name": "broken", "value": -11}
    asked = tester([{**broken, "on_error": "next"}, hmac], plugins=PLUGINS)
    answer = asked.ask(secret="x-secret")
    assert said(answer) == [("broken", "error"), ("hmac", "allow")]
    assert "SPORE_EBACKEND" in answer["instances"][0]["status"]
    answer = asked.ask(secret="y-secret", status=ERROR)
    assert (answer["verdict"], answer["by"]) == ("error", "broken")
    assert "SPORE_EBACKEND" in answer["status"]


def test_an_instance_that_never_answers(tester):
    auth = [
        {"use": "wrong", "name": "mute", "value": -2},
        {"use": "hmac", "secret": "x-secret"},
    ]
    asked = tester(auth, plugins=PLUGINS, server={"auth_timeout": "300ms"})
    answer = asked.ask(secret="x-secret", status=ERROR)
    assert said(answer) == [("mute", "no answer"), ("hmac", "not asked")]
    assert (answer["by"], answer["limit_ms"]) == ("mute", 300)
    assert "SPORE_ETIMEOUT" in answer["status"]
    assert 300000 <= answer["took_us"] < seconds(3) * 1000000


def test_a_plugin_that_hangs(alone):
    auth = [{"use": "hang", "name": "staff", "in": "verify"}]
    asked = alone(auth, plugins=PLUGINS, server={"auth_timeout": "300ms"})
    began = time.monotonic()
    process = asked.run(secret="x-secret", status=ERROR)
    assert time.monotonic() - began < seconds(5)
    assert any(
        line.startswith("error: the test was given up") and "plugin staff has not returned" in line
        for line in process.stderr
    ), process.log()


def test_a_client_that_hangs(alone, tmp_path):
    path = tmp_path / "client.json"
    client = {
        "plugins": PLUGINS,
        "client": {"to": "localhost"},
        "tunnels": [{"local_port": 1}],
        "auth": [{"use": "hang", "in": "answer"}],
    }
    path.write_text(json.dumps(client), encoding="utf-8")
    asked = alone([{"use": "hmac", "secret": "x-secret"}], server={"auth_timeout": "300ms"})
    began = time.monotonic()
    process = asked.run("--client", path, status=ERROR)
    assert time.monotonic() - began < seconds(4)
    assert any("gives no answer: it took too long" in line for line in process.stderr)


def test_it_leaves_no_trace(running):
    """No ban, no refused client, and no line with a secret."""
    asked = running(
        [{"use": "hmac", "secret": "x-secret"}],
        limits={"ban_after": 2, "secret_rate": 1, "secret_burst": 1},
    )
    for _ in range(4):
        asked.ask("--peer", "192.0.2.7", secret="not the secret", status=REFUSED)
    asked.ask("--peer", "192.0.2.7", secret="x-secret")
    status = asked.admin.ask("status")
    assert (status["tunnels"], status["strangers"], status["refusals"]) == (0, 0, 0)
    assert asked.admin.ask("bans")["bans"] == []
    assert not any("not the secret" in line for line in asked.server.process.lines)


def test_the_clients_address_and_port(tester):
    asked = tester([{"use": "silent", "peer": "192.0.2.9"}], plugins=PLUGINS)
    assert asked.ask("--peer", "192.0.2.9", secret="unused")["verdict"] == "allow"
    assert asked.ask(secret="unused", status=REFUSED)["verdict"] != "allow"


def test_a_server_without_authentication(tester):
    asked = tester([])
    answer = asked.ask(secret="unused")
    assert (answer["verdict"], answer["instances"]) == ("allow", [])


@pytest.fixture
def impostor(tmp_path):
    """A server of another user at an admin socket, which notes what it is told."""
    told, path = [], tmp_path / "in" / "admin.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.seteuid(65533)
        try:
            listener.listen()
        finally:
            os.seteuid(0)

        def serve():
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    if line := connection.recv(1000):
                        told.append(line)
                        connection.sendall(b'{"challenge": null, "limit_ms": 1, "verdict": "deny"}')

        thread = threading.Thread(target=serve)
        thread.start()
        yield path, told
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_a_secret_is_for_root_and_the_servers_user_only(impostor, tmp_path):
    path, told = impostor
    asked = Asker(tmp_path, "--socket", path)
    process = asked.run(secret="x-secret", status=ERROR)
    assert process.stderr[-1].startswith(f"error: the process at {path} belongs to uid 65533")
    assert told == []
    # systemd gives the folder to the server's user.
    os.chown(path.parent, 65533, 65533)
    asked.run(secret="x-secret", status=REFUSED)
    assert [line.split()[0] for line in told] == [b"auth-challenge", b"auth-test"]


def test_without_a_server(tmp_path):
    Asker(tmp_path, "--socket", tmp_path / "none").run(secret="unheard", status=ERROR)
    Asker(tmp_path, "--config", tmp_path / "none").run(secret="unheard", status=ERROR)


def test_it_binds_no_port(running, alone, address):
    """A server may run with the same configuration, its exporter included."""
    exporter = [{"use": "prometheus", "listen": f"{address.host}:{address.free_port()}"}]
    host, port = running(TEAM, metrics=exporter).server.control
    other = alone(TEAM, metrics=exporter, server={"bind_addr": host, "control_port": port})
    assert other.ask("--name", "bob", secret="b-secret")["verdict"] == "allow"
