"""A reload reads the current files: a new version of a plugin, the target of a swapped link."""

import contextlib
import json
import os

import pytest

from harness.mounted import Mounted
from harness.outside import build_door
from harness.peers import spore_client
from harness.reloading import Reloading
from harness.services import Echo
from harness.visitors import one_exchange


@contextlib.contextmanager
def open_tunnel(running, service, identity):
    """A client that is accepted under that name."""
    clients = sum("new client" in line for line in running.process.stderr)
    with spore_client(running.server.control, service.port, secret="any") as client:
        found = running.process.wait_for(
            r"new client .*identity=(\S+)", stream="stderr", times=clients + 1
        )
        assert found.group(1) == identity
        assert one_exchange(running.host, client.port) == b"ping"
        yield client
        assert one_exchange(running.host, client.port) == b"ping"
        assert not any("tunnel lost" in line for line in client.process.stderr)


def by_rename(path, new):
    os.replace(new, path)


def in_place(path, new):
    """Overwrites the file like cp. A plugin that was mapped from the file itself would change."""
    with open(path, "r+b") as file:
        file.truncate()
        file.write(new.read_bytes())


def cut_short_and_back(path, new):
    """Truncates the file for a moment and writes it again."""
    os.truncate(path, 0)
    in_place(path, new)


@pytest.mark.parametrize("replace", [by_rename, in_place, cut_short_and_back])
def test_plugin(tmp_path, address, replace):
    """New clients get the new version, existing ones keep theirs; also after a change back."""
    path = build_door(tmp_path / "auth_door.so", "first")
    config = {"plugins": {"path": [str(tmp_path)]}, "auth": [{"use": "door"}]}
    running = Reloading(tmp_path, address, **config)
    with running.server, Echo() as service, contextlib.ExitStack() as stack:
        stack.enter_context(open_tunnel(running, service, "first"))
        for name in ("second", "third", "first"):
            replace(path, build_door(tmp_path / "new.so", name))
            running.reload()
            stack.enter_context(open_tunnel(running, service, name))


def test_plugin_that_is_broken(tmp_path, address):
    """The loaded plugin keeps running although its file is broken."""
    path = build_door(tmp_path / "auth_door.so", "first")
    config = {"plugins": {"path": [str(tmp_path)]}, "auth": [{"use": "door"}]}
    running = Reloading(tmp_path, address, **config)
    with running.server, Echo() as service, open_tunnel(running, service, "first"):
        os.truncate(path, 1000)
        assert "auth_door.so refused" in running.refuse(config)
        with open_tunnel(running, service, "first"):
            path.unlink()
            assert "unknown auth plugin" in running.refuse(config)
            with open_tunnel(running, service, "first"):
                pass


def test_config_map(tmp_path, address):
    """One link swaps the configuration and the file of its secret at the same time."""
    config = {"auth": [{"use": "hmac", "secret": {"file": "key"}}]}
    mounted = Mounted(tmp_path / "mounted", **{"server.json": json.dumps(config), "key": "one"})
    running = Reloading(mounted.folder, address, write=False)
    with running.server as server, Echo() as service:
        with spore_client(server.control, service.port, secret="one") as client:
            names = [{"use": "multi_secret", "secrets": {"alice": {"file": "key"}}}]
            mounted.publish(**{"server.json": json.dumps({"auth": names}), "key": "two"})
            running.reload()
            assert client.wait() == 3
        with spore_client(server.control, service.port, secret="two") as client:
            server.process.wait_for("new client .*identity=alice")
            assert one_exchange(running.host, client.port) == b"ping"
