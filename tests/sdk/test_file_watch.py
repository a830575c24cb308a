"""What a plugin of somebody else needs for files that change, and to show its state: two functions
of the host, and no code for reloads."""

import pytest

from harness.admin import Admin
from harness.outside import build_outside
from harness.waiting import wait_until


@pytest.fixture
def files(tmp_path):
    """The index, and the first file of names."""
    index, names = tmp_path / "index", tmp_path / "names"
    index.write_text(f"{names}\n")
    names.write_text("alice\nbob\n")
    return index, names


@pytest.fixture
def server(host, tmp_path, files):
    build_outside("auth_book", tmp_path / "auth_book.so")
    admin = Admin(tmp_path / "admin.sock")
    auth = [{"use": "book", "index": str(files[0])}]
    with host.server(folders=[tmp_path], auth=auth, admin={"socket": admin.path}) as server:
        server.admin = admin
        yield server


def states(server):
    answer = server.admin.ask("status")["instance_states"]
    return [each["state"] for each in answer if each["running"]]


def may_enter(answering, server, name):
    with answering.to(server).say(name, {"Hello": 0}) as wire:
        return "Hello" in wire.receive_but_heartbeats()


def test_files_that_a_file_names(server, answering, files, tmp_path):
    """A file that create() has named changes, then the list of files itself, then a file of the new
    list. A client whose name is gone loses its tunnel."""
    _, names = files
    more = tmp_path / "more"
    with answering.to(server).tunnel("alice"), answering.to(server).tunnel("bob") as gone:
        names.write_text("alice\n")
        assert gone.receive_but_heartbeats() == {"Error": "access was revoked"}
        wait_until(lambda: states(server) == ["knows 1 names\x1b"], "the new state")
        more.write_text("carol\n")
        files[0].write_text(f"{names}\n{more}\n")
        wait_until(lambda: may_enter(answering, server, "carol"), "carol to get in")
        assert states(server) == ["knows 2 names\x1b"]
        more.write_text("carol\n\n")
        line = server.process.wait_for("a changed file was refused.*", stream="stderr")[0]
        assert f"plugin=book file={more} pointer=/auth/0/index" in line
        assert "expected a name" in line
        assert may_enter(answering, server, "carol")


def test_its_state(server):
    """It is shown for each instance, and escaped."""
    assert states(server) == ["knows 2 names\x1b"]
    shown = server.admin.ctl("status").splitlines()
    (line,) = [line for line in shown if line.startswith("auth book")]
    assert line.endswith(r"knows 2 names\x1b")
