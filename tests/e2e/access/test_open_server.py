"""A server without authentication says so, since it is easily started by mistake."""

import json
import signal

import pytest

from harness.peers import spore_binary
from harness.process import run

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


@pytest.mark.parametrize(
    "name", ["SPORE_SECRET", "BORE_SECRET", "SPORE_SECRET_FILE", "SPORE_ALLOW"]
)
def test_an_empty_variable_starts_nothing(name):
    process = run([spore_binary(), "server"], env={name: ""})
    assert process.status == 2
    assert process.stderr[0].startswith(f"error: {name} is empty")
