"""Plugins that the host must not run: each refused with one line that names the file and the remedy.

A constructor that calls abort() stands in each file of which no instruction may run.
"""

import hashlib
import os
import pathlib
import shutil
import stat
import struct

import pytest

from harness.peers import Server, spore_binary
from harness.process import Process
from harness.sockets import connect

BAD = "test-plugins/bad"

# File, what its refusal says.
REFUSALS = {
    "other_major": "plugin auth_other_major 2.1.0 was built for plugin ABI 2.0, this host has 1.0: build it against "
    "the SDK of ABI 1",
    "too_new": "plugin auth_too_new 1.2.3 needs plugin ABI 1.77 or later, this host has 1.0: update Spore, or build "
    "the plugin with a smaller SPORE_MIN_MINOR",
    "no_note": "not a Spore plugin: it has no Spore ABI note (is SPORE_PLUGIN missing, or was the note stripped?)",
    "no_entry": "it does not export spore_plugin_v1: expected SPORE_PLUGIN(...) in it",
    "null_entry": "spore_plugin_v1() returned no plugin",
    "no_slot": 'its component "no_slot" lacks the mandatory slot: verify (for a server) or answer (for a client)',
    "no_create": 'its component "no_create" lacks the mandatory slot: create',
    "needs_more": 'it needs the host extension "spore.time_travel/1", which this host does not have: update Spore',
}


@pytest.fixture
def bad(plugin_folder):
    return pathlib.Path(plugin_folder(BAD))


@pytest.fixture
def folder(tmp_path, bad):
    """A folder of the test's own with a copy of a good plugin, auth_good.so."""
    path = tmp_path / "plugins"
    path.mkdir(mode=0o755)
    shutil.copy(bad / "auth_good.so", path)
    return path


def refuse(host, error_line, folder, use="good", **options):
    """The one line; it stands at the "use" that named the plugin."""
    line = error_line(host.refused(folders=[folder], auth=[{"use": use}], **options))
    assert "refused.json:" in line and " error: /auth/0/use: " in line, line
    return line.split(" error: /auth/0/use: ", 1)[1]


def test_the_good_one_is_good(host, folder):
    with host.server(folders=[folder], auth=[{"use": "good"}]) as server:
        assert server.process.running


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(host, error_line, bad, name):
    text = refuse(host, error_line, bad, name)
    assert text == f"plugin {bad}/auth_{name}.so refused: {REFUSALS[name]}"


def test_an_unresolved_symbol_is_named(host, error_line, bad):
    text = refuse(host, error_line, bad, "unresolved")
    assert text == (
        f"plugin {bad}/auth_unresolved.so refused: cannot load it: undefined symbol: spore_function_that_nobody_has"
    )


def test_a_plugin_without_a_servers_side(host, error_line, bad):
    assert refuse(host, error_line, bad, "client_only") == "plugin client_only has no server side"


def test_a_create_that_fails_without_a_word(host, error_line, bad):
    text = refuse(host, error_line, bad, "create_fails")
    assert text == "plugin create_fails could not be set up (status -11, no reason reported)"


@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_start_that_fails(host, error_line, bad, workers):
    """After it has started a timer, a post and a job."""
    process = host.refused(folders=[bad], auth=[{"use": "auth_create_fails:start_fails"}], workers=workers)
    assert error_line(process) == (
        "error: plugin auth_create_fails:start_fails could not start on worker 0 (status -11)"
    )


def test_only_an_exporter_may_live_on_one_worker(host, bad, answering):
    """Others have work on all of them: refused, or served everywhere; never a crash."""
    config = host.server_config(folders=[bad], auth=[{"use": "single"}], workers=4)
    with Process([spore_binary(), "server", "--config", host.write(config, "single.json")]) as process:
        try:
            process.wait_for("server listening", stream="stderr")
        except AssertionError:
            assert process.wait() == 1, process.log()
            return
        address = (config["server"]["bind_addr"], config["server"]["control_port"])
        server = Server("spore", process, address, address[0], None)
        for _ in range(12):
            with answering.to(server) as wire:
                wire.tunnel("anything")
        assert server.stop() == 0


# ---- what is wrong with the file, not with its maker


def test_no_such_plugin(host, error_line, folder):
    text = refuse(host, error_line, folder, "nothing")
    assert text.startswith('unknown auth plugin "nothing": expected one of good, ')
    assert f"(looked for auth_nothing.so in {folder}, " in text


def test_a_plugin_of_another_folder_is_suggested(host, error_line, folder):
    assert 'unknown auth plugin "optoins": did you mean "options"? (' in refuse(host, error_line, folder, "optoins")


def test_no_such_component(host, error_line, folder):
    text = refuse(host, error_line, folder, "auth_good:other")
    assert text == f'plugin {folder}/auth_good.so has no auth component "other": expected one of good'


@pytest.mark.parametrize("use", ["../good", "/etc/passwd", "a/b:c"])
def test_a_name_is_no_path(host, error_line, folder, use):
    assert refuse(host, error_line, folder, use) == f'expected a plugin\'s name without slashes, found "{use}"'


@pytest.mark.parametrize("mode", [0o666, 0o757])
def test_a_file_that_everyone_may_write(host, error_line, folder, mode):
    (folder / "auth_good.so").chmod(mode)
    text = refuse(host, error_line, folder)
    assert text.endswith(f"auth_good.so is writable by everyone: run `chmod o-w {folder}/auth_good.so`")


def test_a_folder_that_everyone_may_write(host, error_line, folder):
    folder.chmod(0o777)
    text = refuse(host, error_line, folder)
    assert text == f"plugin {folder}/auth_good.so refused: {folder} is writable by everyone: run `chmod o-w {folder}`"


def test_a_folder_above_that_everyone_may_write(host, error_line, folder, tmp_path):
    inner = tmp_path / "open" / "plugins"
    inner.parent.mkdir()
    shutil.copytree(folder, inner)
    inner.parent.chmod(0o777)
    assert f"{inner.parent} is writable by everyone" in refuse(host, error_line, inner)


def test_a_link_that_everyone_could_have_placed(host, error_line, folder, tmp_path):
    """What it leads to is fine; where it stands is not."""
    links = tmp_path / "links"
    links.mkdir()
    (links / "auth_good.so").symlink_to(folder / "auth_good.so")
    links.chmod(0o777)
    assert f"{links} is writable by everyone" in refuse(host, error_line, links)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_that_its_group_may_write_as_root(host, error_line, folder):
    (folder / "auth_good.so").chmod(0o664)
    text = refuse(host, error_line, folder)
    assert text.endswith(f"is writable by its group, and this runs as root: run `chmod g-w {folder}/auth_good.so`")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_somebody_elses_file(host, error_line, folder):
    os.chown(folder / "auth_good.so", 12345, -1)
    text = refuse(host, error_line, folder)
    assert f"auth_good.so belongs to uid 12345, expected root: run `chown root {folder}/auth_good.so`" in text


def test_a_link_to_a_good_file_is_fine(host, folder, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "auth_good.so").symlink_to(folder / "auth_good.so")
    with host.server(folders=[links], auth=[{"use": "good"}]) as server:
        assert server.process.running


def test_a_link_to_nothing(host, error_line, folder):
    (folder / "auth_good.so").unlink()
    (folder / "auth_good.so").symlink_to("/nowhere")
    assert "auth_good.so" in refuse(host, error_line, folder)


def edit(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def set_machine(data):
    data[18:20] = struct.pack("<H", 8)  # MIPS


def set_class(data):
    data[4] = 1  # 32 bits


def set_type(data):
    data[16:18] = struct.pack("<H", 1)  # an object file


def put_headers_far_away(data):
    data[32:40] = struct.pack("<Q", 1 << 40)


def spoil_note_name(data):
    at = data.index(b"Spore\0\0\0")
    data[at : at + 5] = b"Sperm"


EDITS = {
    "machine": (set_machine, "not a 64-bit shared object for this machine (ELF machine 8)"),
    "class": (set_class, "not a 64-bit shared object for this machine (ELF machine"),
    "type": (set_type, "not a 64-bit shared object for this machine (ELF machine"),
    "headers": (put_headers_far_away, "damaged: its program headers do not lie within the file"),
    "note": (spoil_note_name, "not a Spore plugin: it has no Spore ABI note"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_file_of_the_wrong_kind(host, error_line, folder, name):
    change, text = EDITS[name]
    edit(folder / "auth_good.so", change)
    assert refuse(host, error_line, folder).startswith(f"plugin {folder}/auth_good.so refused: {text}")


@pytest.mark.parametrize(
    "content, text",
    [
        (b"", "has 0 bytes: expected a plugin of 1 byte to 256 MiB"),
        (b"\x7fELF", "not a shared object: expected an ELF file"),
        (b"#!/bin/sh\n" + b"exit\n" * 50, "not a shared object: expected an ELF file"),
    ],
    ids=["empty", "cut", "script"],
)
def test_a_file_that_is_no_plugin(host, error_line, folder, content, text):
    (folder / "auth_good.so").write_bytes(content)
    assert text in refuse(host, error_line, folder)


def test_a_plugin_that_was_cut_off(host, error_line, folder):
    """Wherever something of its code or data is missing, the refusal is a line, never a crash."""
    whole = (folder / "auth_good.so").read_bytes()
    end = end_of_segments(whole)
    for length in [*range(end // 10, end, end // 10), end - 1]:
        (folder / "auth_good.so").write_bytes(whole[:length])
        assert "auth_good.so" in refuse(host, error_line, folder)


def end_of_segments(data):
    """Where the last segment that is loaded ends in the file; only notes for debuggers come behind."""
    offset, (size, number) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + index * size) for index in range(number)]
    return max(start + length for kind, _, start, _, _, length in headers if kind == 1)


def test_a_directory(host, error_line, folder):
    (folder / "auth_good.so").unlink()
    (folder / "auth_good.so").mkdir(mode=0o755)
    assert refuse(host, error_line, folder).endswith("auth_good.so is not a regular file")


def test_a_pipe(host, error_line, folder):
    (folder / "auth_good.so").unlink()
    os.mkfifo(folder / "auth_good.so", 0o644)
    assert refuse(host, error_line, folder).endswith("auth_good.so is not a regular file")


# ---- pins


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pinned(host, folder, digest):
    return {**host.plugins(folder), "pin": {"auth_good.so": f"sha256:{digest}"}}


def test_a_right_pin(host, folder):
    right = digest_of(folder / "auth_good.so")
    for digest in (right, right.upper()):
        with host.server(plugins=pinned(host, folder, digest), auth=[{"use": "good"}]) as server:
            assert server.process.running


def test_a_wrong_pin(host, error_line, folder):
    right, wrong = digest_of(folder / "auth_good.so"), "0" * 64
    text = error_line(host.refused(plugins=pinned(host, folder, wrong), auth=[{"use": "good"}]))
    assert text.endswith(f"auth_good.so refused: its SHA-256 is {right}: expected the pinned {wrong}")


def test_a_pin_keeps_even_a_dangerous_file_from_running(host, error_line, folder, bad):
    """The digest is compared before anything of the file is looked at."""
    shutil.copy(bad / "auth_unresolved.so", folder / "auth_good.so")
    text = error_line(host.refused(plugins=pinned(host, folder, "0" * 64), auth=[{"use": "good"}]))
    assert "expected the pinned" in text


@pytest.mark.parametrize("pin", ["md5:0123", "sha256:12", "sha256:" + "g" * 64])
def test_a_pin_that_is_none(host, error_line, folder, pin):
    plugins = {**host.plugins(folder), "pin": {"auth_good.so": pin}}
    line = error_line(host.refused(plugins=plugins, auth=[{"use": "good"}]))
    assert line.endswith(f'/plugins/pin/auth_good.so: expected "sha256:" and 64 hex digits, found "{pin}"')
    assert "refused.json:" in line, "the place in the file"


# ---- all at once, and what came first


def test_all_refusals_come_at_once(host, bad):
    process = host.refused(folders=[bad], auth=[{"use": name} for name in REFUSALS])
    lines = [line for line in process.stderr if "error: " in line]
    assert len(lines) == len(REFUSALS), process.log()


def test_the_first_folder_that_has_it_is_asked(host, error_line, folder, tmp_path):
    """A bad file in front hides a good one behind; it is not passed over in silence."""
    front = tmp_path / "front"
    front.mkdir()
    (front / "auth_good.so").write_bytes(b"nonsense")
    text = error_line(host.refused(folders=[front, folder], auth=[{"use": "good"}]))
    assert f"plugin {front}/auth_good.so refused" in text


def test_a_running_host_does_not_mind_what_becomes_of_the_file(host, folder, answering):
    """It runs from its own sealed copy."""
    path = folder / "auth_good.so"
    with host.server(folders=[folder], auth=[{"use": "good"}]) as server:
        with open(path, "r+b") as file:
            file.write(b"\xcc" * path.stat().st_size)
        for _ in range(3):
            with answering.to(server) as wire:
                wire.say("anything", {"Hello": 0}).expect_error("invalid secret")
        path.unlink()
        with connect(*server.control):
            assert server.process.running


def test_modes_of_the_build_are_fine(bad):
    """What cmake made here passes the host's own rules; else all of the above would prove nothing."""
    assert not (bad / "auth_good.so").stat().st_mode & stat.S_IWOTH
