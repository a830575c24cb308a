"""One server that knows keys, passwords and secrets, with real bore clients among the others."""

import json

import pytest

from harness import peers
from harness.loopback import BORE_CONTROL_PORT, Loopback
from harness.passwords import htpasswd
from harness.services import Echo
from harness.signing import ssh_keygen
from harness.tls import proxies
from harness.visitors import one_exchange

NAMES = ("carla", "paul", "sophie", "bob")  # of a key, a password, a named secret, a bore client
PASSWORD = "correct horse"


@pytest.fixture
def ports(address):
    """A public port for each name."""
    return {name: address.free_port() for name in NAMES}


@pytest.fixture
def server(address, authority, tmp_path, ports):
    """TLS, and the chain pubkey, htpasswd, multi_secret; each name may have its own port only."""
    own = authority.issue(f"IP:{address.host}")
    (tmp_path / "users").write_text(htpasswd("paul", PASSWORD))
    (tmp_path / "limits").write_text(json.dumps({"paul": {"ports": str(ports["paul"])}}))
    public = ssh_keygen(tmp_path / "key", comment="carla")
    (tmp_path / "team").write_text(f'ports="{ports["carla"]}" {public}\n')
    secrets = {name: f"secret of {name}" for name in ("sophie", "bob")}
    auth = [
        {"use": "pubkey", "authorized_keys": ["team"], "names": [address.host]},
        {"use": "htpasswd", "file": "users", "policy_file": "limits"},
        {
            "use": "multi_secret",
            "secrets": secrets,
            "policy": {name: {"ports": str(ports[name])} for name in secrets},
        },
    ]
    tls = {"use": "tls", "certfile": own.path, "keyfile": own.key}
    with peers.configured_server(address, tmp_path, auth=auth, transport=[tls]) as running:
        yield running


@pytest.fixture
def ours(server, authority, tmp_path):
    """Starts our client with this way to answer."""

    def start(answer, service, listening=True):
        tls = {"use": "tls", "cacertfile": authority.path}
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"transport": [tls], "auth": [answer]}))
        flags = ["--config", str(path), "--no-reconnect"]
        return peers.spore_client(server.control, service.port, extra=flags, listening=listening)

    return start


@pytest.fixture
def bore(server, authority, tmp_path):
    """Starts a bore client with this secret. stunnel adds the TLS that it lacks."""
    with Loopback() as elsewhere:
        front = (elsewhere.host, BORE_CONTROL_PORT)
        with proxies.begins_tls("stunnel", tmp_path, front, server.control, authority):
            yield lambda secret, service, **options: peers.bore_client(
                front, service.port, secret=secret, **options
            )


def of_secret(name, secret):
    return {"use": "hmac", "identity": name, "secret": secret}


def of_password(name, password):
    return {"use": "password", "identity": name, "password": password}


def of_key(path):
    return {"use": "pubkey", "keyfile": str(path)}


def test_each_kind_is_let_in_under_its_own_policy(server, ours, bore, ports, tmp_path):
    with Echo() as service:
        for name, client in [
            ("carla", ours(of_key(tmp_path / "key"), service)),
            ("paul", ours(of_password("paul", PASSWORD), service)),
            ("sophie", ours(of_secret("sophie", "secret of sophie"), service)),
            ("bob", bore("secret of bob", service)),
        ]:
            with client:
                server.process.wait_for(f"new client .*identity={name} ")
                assert client.port == ports[name]
                assert one_exchange(server.public_host, client.port) == b"ping"


def test_a_wrong_one_of_each_kind_is_told_to_the_operator_only(server, ours, bore, tmp_path):
    ssh_keygen(tmp_path / "stranger")
    with Echo() as service:
        for answer, line in [
            (of_key(tmp_path / "stranger"), "a signature of an unknown client .* is refused"),
            (of_password("paul", "wrong"), "the password of paul is refused: it is wrong"),
            (of_password("eve", "wrong"), "the password of eve is refused: the file has no such"),
            (of_secret("sophie", "wrong"), "the answer of sophie is refused: its secret is wrong"),
            (of_secret("eve", "wrong"), "the answer of eve is refused: no secret has this name"),
        ]:
            with ours(answer, service, listening=False) as client:
                assert client.wait() == 3
                client.process.wait_for("invalid secret")
                server.process.wait_for(line)
                assert not any("refused:" in said for said in client.process.stderr)
        with bore("wrong", service, listening=False) as client:
            assert client.wait() == 1
            client.process.wait_for("invalid secret")
            server.process.wait_for("an answer without a name fits none of the secrets")
    lines = [line for line in server.process.stderr if 'reason="invalid secret"' in line]
    assert len(lines) == 6
