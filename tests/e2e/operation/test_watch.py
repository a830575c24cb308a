"""With --watch the server reloads when a file of its configuration has changed and is stable. If
only files of plugin instances have changed, it makes these anew, unless watch_files is off."""

import json
import os
import time

import pytest

from harness.mounted import Mounted
from harness.outside import build_door
from harness.peers import spore_client
from harness.reloading import Reloading
from harness.services import Echo
from harness.visitors import one_exchange

WATCH = {"server": {"watch": True}}
# The server checks twice a second. If it has not reloaded after three checks, it will not.
LONG = 1.6


def names(**secrets):
    return [{"use": "multi_secret", "secrets": secrets}]


def is_let_in(running, secret):
    with Echo() as service, spore_client(
        running.server.control, service.port, secret=secret, listening=False
    ) as client:
        if client.process.wait_for("listening at|invalid secret")[0] == "invalid secret":
            assert client.wait() == 3
            return False
        return True


def replace(path, text):
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def write_over(path, text):
    path.write_text(text)


@pytest.mark.parametrize("change", [replace, write_over])
def test_configuration(tmp_path, address, change):
    """A change reloads. After a reload that ends the watch, a change has no effect."""
    running = Reloading(tmp_path, address, auth=names(alice="one"), **WATCH)
    with running.server:
        change(running.path, json.dumps({"auth": names(alice="two"), "watch": True}))
        running.wait_swapped()
        assert is_let_in(running, "two") and not is_let_in(running, "one")
        change(running.path, json.dumps({"auth": names(alice="three")}))
        running.wait_swapped()
        change(running.path, json.dumps({"auth": names(alice="four")}))
        time.sleep(LONG)
        assert is_let_in(running, "three")


def wait_renewed(running, times=1):
    running.process.wait_for("a changed file is in use", stream="stderr", times=times)


def test_flag(tmp_path, address):
    """--watch has the same effect. The file of --secret-file is watched too."""
    key = tmp_path / "key"
    key.write_text("one")
    running = Reloading(tmp_path, address, extra=["--watch", "--secret-file", str(key)])
    with running.server:
        key.write_text("two")
        wait_renewed(running)
        assert is_let_in(running, "two")
        running.write({"auth": names(alice="three")})  # also given by the flag
        assert "error" in running.wait_refused()


def test_secrets_that_it_names(tmp_path, address):
    """A file with one secret, and a file with many. Without watch_files a change reloads."""
    (tmp_path / "alice.key").write_text("one")
    (tmp_path / "team").write_text("bob:two\n")
    auth = [
        {"use": "multi_secret", "secrets": {"alice": {"file": "alice.key"}}, "secrets_file": "team"}
    ]
    server = {"watch": True, "watch_files": False}
    running = Reloading(tmp_path, address, auth=auth, server=server)
    with running.server:
        replace(tmp_path / "alice.key", "three")
        running.wait_swapped()
        assert is_let_in(running, "three")
        write_over(tmp_path / "team", "bob:four\n")
        running.wait_swapped()
        assert is_let_in(running, "four") and not is_let_in(running, "two")


def test_certificates(tmp_path, address, authority):
    """New clients see the new certificate."""

    def install(name):
        issued = authority.issue(f"IP:{address.host}", f"DNS:{name}")
        replace(tmp_path / "cert.pem", pem(issued.path))
        replace(tmp_path / "key.pem", pem(issued.key))

    def pem(path):
        with open(path, encoding="ascii") as file:
            return file.read()

    install("first.example")
    tls = {"use": "tls", "certfile": "cert.pem", "keyfile": "key.pem"}
    running = Reloading(tmp_path, address, transport=[tls], **WATCH)
    with running.server as server, Echo() as service:
        install("second.example")
        wait_renewed(running)
        client = [{"use": "tls", "cacertfile": authority.path, "server_name": "second.example"}]
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"transport": client}))
        with spore_client(server.control, service.port, extra=["--config", path]) as local:
            assert one_exchange(local.host, local.port) == b"ping"


def test_plugin(tmp_path, address):
    """A new file in an earlier folder of the path is a change too."""
    for folder in ("near", "far"):
        (tmp_path / folder).mkdir(mode=0o755)
    build_door(tmp_path / "far/auth_door.so", "far")
    plugins = {"path": [str(tmp_path / "near"), str(tmp_path / "far")]}
    running = Reloading(tmp_path, address, plugins=plugins, auth=[{"use": "door"}], **WATCH)
    with running.server as server:
        build_door(tmp_path / "near/auth_door.so", "near")
        running.wait_swapped()
        assert is_let_in(running, "any")
        server.process.wait_for("new client .*identity=near")


def test_config_map(tmp_path, address):
    """Only a link is swapped; no file is written."""
    config = json.dumps({"auth": [{"use": "hmac", "secret": {"file": "key"}}], **WATCH})
    mounted = Mounted(tmp_path / "mounted", **{"server.json": config, "key": "one"})
    running = Reloading(mounted.folder, address, write=False)
    with running.server:
        mounted.publish(**{"server.json": config, "key": "two"})
        running.wait_swapped()
        assert is_let_in(running, "two")


def test_a_mistake_is_said_once(tmp_path, address):
    """A mistake is logged once. The file is not read again until it changes."""
    running = Reloading(tmp_path, address, auth=names(alice="one"), **WATCH)
    with running.server as server:
        running.write('{ "auth": [')
        assert "error: expected" in running.wait_refused()
        time.sleep(LONG)
        assert sum("reload refused" in line for line in server.process.stderr) == 1
        assert is_let_in(running, "one")
        running.write({"auth": [{"use": "hmac", "secret": {"file": "key"}}], **WATCH})
        assert "cannot open the secret file" in running.wait_refused()
        (tmp_path / "key").write_text("two")
        running.wait_swapped()
        assert is_let_in(running, "two")


def test_it_waits_for_rest(tmp_path, address):
    """A file that is still being written is not read."""
    text = json.dumps({"auth": names(alice="two"), **WATCH})
    running = Reloading(tmp_path, address, auth=names(alice="one"), **WATCH)
    with running.server as server:
        with open(running.path, "w", encoding="utf-8") as file:
            for character in text:
                file.write(character)
                file.flush()
                time.sleep(0.03)
        running.wait_swapped()
        assert not any("refused" in line for line in server.process.stderr)
        assert is_let_in(running, "two")


def test_after_a_hangup_it_is_quiet(tmp_path, address):
    """A change that HUP has loaded does not cause another reload."""
    running = Reloading(tmp_path, address, auth=names(alice="one"), **WATCH)
    with running.server as server:
        running.swap(auth=names(alice="two"), **WATCH)
        os.utime(tmp_path)
        time.sleep(LONG)
        assert sum("configuration reloaded" in line for line in server.process.stderr) == 1
