"""The example configurations of conf/ load and work."""

import json
import shutil

import pytest

from harness.fake_server import FakeServer
from harness.peers import REPOSITORY, Client, Server, spore_binary, spore_client
from harness.process import Process
from harness.routed_port import Teller, client_hello
from harness.sockets import connect, read_to_end
from harness.wire import Tunnel, answer

EXAMPLES = REPOSITORY / "conf"
SECRET = "secret of "
CHALLENGE = "00000000-0000-4000-8000-000000000000"


def files_and_variables(value):
    """The files and variables of an example: ("file", "env" or "secrets_file", name)."""
    if isinstance(value, list):
        for each in value:
            yield from files_and_variables(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("file", "env", "secrets_file") and isinstance(each, str):
                yield key, each
            else:
                yield from files_and_variables(each)


@pytest.fixture
def copy(tmp_path):
    """Copies an example and creates its files and variables: (path, environment, secrets)."""

    def to_folder(name):
        path = shutil.copy(EXAMPLES / name, tmp_path)
        environment, secrets = {}, []
        for key, name in files_and_variables(json.loads((EXAMPLES / name).read_text())):
            secrets.append(SECRET + name)
            if key == "env":
                environment[name] = SECRET + name
            else:
                (tmp_path / name).write_text(
                    ("carol:" if key == "secrets_file" else "") + SECRET + name + "\n"
                )
        return path, environment, secrets

    return to_folder


def examples(pattern):
    """All examples except those for TLS, which tls/test_examples.py tests, and those that ask a
    service or a database, which access/test_http_service.py, test_redis.py and test_postgres.py
    test."""
    found = sorted(
        path.name
        for path in EXAMPLES.glob(pattern)
        if not {"tls", "http", "redis", "postgres"} & set(path.stem.split("-"))
    )
    assert found, f"no {pattern} in {EXAMPLES}"
    return found


@pytest.mark.parametrize("name", examples("server*.json"))
def test_servers(copy, address, name):
    path, environment, secrets = copy(name)
    control = address.free_port()
    argv = [
        spore_binary(),
        "server",
        "--config",
        path,
        "--bind-addr",
        address.host,
        "--control-port",
        str(control),
    ]
    process = Process(argv, name="spore server", env=environment)
    with Server("spore", process, (address.host, control), address.host, None) as server:
        process.wait_for("server listening", stream="stderr")
        for secret in secrets:
            with Tunnel(server, secret=secret) as tunnel:
                assert tunnel.port >= 1024


def test_a_routed_port(copy, address, tmp_path):
    """Both examples together: each host of the client has its own service."""
    path, _, _ = copy("server-hosts.json")
    control = address.free_port()
    flags = ["--bind-addr", address.host, "--control-port", str(control)]
    process = Process([spore_binary(), "server", "--config", path, *flags], name="spore server")
    with Server("spore", process, (address.host, control), address.host, None) as server:
        process.wait_for("server listening", stream="stderr")
        config = json.loads((EXAMPLES / "client-hosts.json").read_text())
        with Teller(b"app") as app, Teller(b"rest") as rest:
            for tunnel, service in zip(config["tunnels"], (app, rest)):
                tunnel["local"] = f"{service.host}:{service.port}"
            (tmp_path / "client.json").write_text(json.dumps(config))
            with spore_client(
                server.control, None, extra=["--config", tmp_path / "client.json"]
            ) as client:
                client.process.wait_for("listening at", stream="stdout", times=2)
                for host, name in [("app.example.com", b"app"), ("x.alice.example.com", b"rest")]:
                    with connect(address.host, 8443) as visitor:
                        visitor.sendall(client_hello(host))
                        assert read_to_end(visitor).partition(b" ")[0] == name


@pytest.mark.parametrize("name", examples("client*.json"))
def test_clients(copy, address, name):
    path, environment, (secret,) = copy(name)
    wanted = [
        tunnel.get("port", 0) for tunnel in json.loads((EXAMPLES / name).read_text())["tunnels"]
    ]
    with FakeServer(address.host, address.free_port()) as fake:
        argv = [
            spore_binary(),
            "local",
            "--config",
            path,
            "--to",
            fake.host,
            "--control-port",
            str(fake.port),
        ]
        with Client("spore", Process(argv, name="spore local", env=environment)) as client:
            asked = []
            for _ in wanted:
                wire = fake.next_wire()
                wire.send({"Challenge": CHALLENGE})
                assert wire.receive() == {"Authenticate": answer(secret, CHALLENGE)}
                asked.append(wire.receive()["Hello"])
                wire.send({"Hello": 12345}, "Heartbeat")
            assert sorted(asked) == sorted(wanted)
            client.wait_listening()
