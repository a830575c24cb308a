"""A server without authentication says so, since it is easily started by mistake."""

import json
import signal

import pytest

from harness.admin import Admin
from harness.peers import spore_binary, spore_client
from harness.process import run
from harness.reloading import Reloading

WARNING = "no authentication: anybody who reaches the control port may open tunnels"


def config(tmp_path, **sections):
    path = tmp_path / "server.json"
    path.write_text(json.dumps(sections))
    path.chmod(0o600)
    return path


def test_a_check_warns(tmp_path):
    process = run([spore_binary(), "server", "--check", "--config", config(tmp_path)])
    assert process.status == 0
    assert any(WARNING in line for line in process.stderr)


def test_a_client_with_a_secret_gets_a_hint(configured_server):
    """The server waits for the client, which waits for a Challenge. The server closes first."""
    with configured_server(config={}) as server:
        with spore_client(server.control, 1, secret="hunter2", listening=False) as client:
            client.process.wait_for(
                r"the server closed the connection after \d s without a Challenge: do both sides "
                "use a secret"
            )
            assert client.wait() == 1
        server.process.wait_for("connection refused .*timed out waiting for initial message")


def test_a_server_with_a_secret_does_not_warn(tmp_path):
    path = config(tmp_path, auth=[{"use": "hmac", "secret": "hunter2"}])
    process = run([spore_binary(), "server", "--check", "--config", path])
    assert process.status == 0
    assert not any(WARNING in line for line in process.stderr)


def test_start_and_reload_warn(configured_server):
    with configured_server(config={}) as server:
        server.process.wait_for(WARNING)
        server.process.signal(signal.SIGHUP)
        server.process.wait_for(WARNING, times=2)


def test_the_answer_to_a_reload_warns(address, tmp_path):
    """Who asks for the reload hears what the log says: here that nobody is asked for a secret any
    more, or that a rule is for nobody."""
    admin = Admin(tmp_path / "admin.sock")
    secrets = {"auth": [{"use": "multi_secret", "secrets": {"alice": "hunter2"}}]}
    rule = [{"use": "cidr", "deny": ["10.0.0.0/8"], "identity": ["alcie"]}]
    reloading = Reloading(tmp_path, address, extra=admin.flags, **secrets)
    with reloading.server:
        assert json.loads(admin.ctl("reload", "--json"))["warnings"] == []
        reloading.write({**secrets, "acl": {"public": rule}})
        assert 'no auth plugin knows the identity "alcie"' in admin.ctl("reload")
        reloading.process.wait_for(
            r"doubtful configuration .*line=\d+ option=/acl/public/0/identity/0"
        )
        nobody = [{"use": "cidr", "deny": ["0.0.0.0/0", "::/0"]}]
        reloading.write({**secrets, "acl": {"public": nobody}, "log": {"level": "error"}})
        said = (
            "warning: this access list denies everybody plugin=cidr option=/acl/public/0 "
            f"source={reloading.path} line="
        )
        assert said in admin.ctl("reload"), "in the words of the plugin"
        some = [
            {"use": "cidr", "allow": ["127.0.0.0/8"]},
            {"use": "cidr", "deny": ["127.0.0.9/32"]},
        ]
        reloading.write({**secrets, "acl": {"public": some}})
        never = "this access list is never asked: /acl/public/0 in front of it decides"
        assert f"/acl/public/1: {never}" in admin.ctl("reload")
        check = [spore_binary(), "server", "--check", "--config", reloading.path]
        assert f'doubtful configuration warning="{never}' in run(check).log()
        of_alice = {"use": "cidr", "identity": ["alice"]}
        some = [{**of_alice, "allow": ["127.0.0.0/8"]}, {**of_alice, "deny": ["127.0.0.9/32"]}]
        reloading.write({**secrets, "acl": {"public": some}})
        never = "this access list is never asked about its identities: /acl/public/0 in front"
        assert f"/acl/public/1: {never}" in admin.ctl("reload")
        reloading.write({**secrets, "acl": {"public": [*nobody, {"use": "cidr"}]}})
        assert said in admin.ctl("reload", status=1), "also if it is refused"
        reloading.write({})
        assert f"warning: {WARNING}" in admin.ctl("reload").splitlines()


@pytest.mark.parametrize(
    "name", ["SPORE_SECRET", "BORE_SECRET", "SPORE_SECRET_FILE", "SPORE_ALLOW"]
)
def test_an_empty_variable_starts_nothing(name):
    process = run([spore_binary(), "server"], env={name: ""})
    assert process.status == 2
    assert process.stderr[0].startswith(f"error: {name} is empty")
