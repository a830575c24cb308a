"""The admin socket while a plugin hangs, and what it shows about the plugin."""

import pytest

from harness.admin import Admin


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path / "admin.sock")


def test_a_worker_that_hangs_is_named(host, answering, admin):
    """The other workers answer. The operator sees which one hangs and can still end the server."""
    auth = [{"use": "hang", "name": "staff", "in": "verify"}]
    with host.server(
        server={"drain_timeout": "100ms"}, admin={"socket": admin.path}, auth=auth
    ) as server:
        with answering.to(server).say("anything", {"Hello": 0}):
            server.process.wait_for("hanging plugin=staff", stream="stderr")
            (silent,) = admin.ask("status")["silent_workers"]
            loops = admin.ask("loops")["workers"]
            assert [each["answers"] for each in loops] == [
                each["worker"] != silent for each in loops
            ]
            assert admin.ask("tunnels")["silent_workers"] == [silent]
            kicked = admin.ask("kick", 1)
            assert "error" in kicked and kicked["silent_workers"] == [silent]
            server.process_was_ended = True
            assert admin.ask("drain")["was_draining"] is False
            assert server.process.wait(timeout=15) == 1
