"""Plugins that the host must not run: each is refused with one line that names file and remedy.

The table CASES holds the whole lines. `spore plugin` prints the same for the same file. Each file
of which no instruction may run has a constructor that calls abort().
"""

import hashlib
import json
import os
import pathlib
import shutil
import socket
import stat
import struct

import pytest

from harness.peers import spore_binary
from harness.process import run
from harness.sockets import connect

BAD = "test-plugins/bad"

PT_DYNAMIC, PT_GNU_STACK = 2, 0x6474E551  # types of program headers in ELF

# ---- changes to a file or to its folder. Each function takes the path of a valid plugin.


def as_built(name):
    """Replaces the valid plugin by one that is wrong as built."""

    def put(path, bad):
        path.unlink()
        path = path.with_name(f"{name}.so")
        shutil.copy(bad / path.name, path)
        return path

    return put


def edited(change):
    def edit(path, _):
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    return edit


def put_at(offset, layout, value):
    def change(data):
        data[offset : offset + struct.calcsize(layout)] = struct.pack(layout, value)

    return edited(change)


def fill_note(offset, size):
    """Overwrites a text in the note completely, without a terminating NUL."""

    def change(data):
        at = data.index(b"Spore\0\0\0") + 8 + offset
        data[at : at + size] = b"x" * size

    return edited(change)


def spoil_notes_name(data):
    at = data.index(b"Spore\0\0\0")
    data[at : at + 5] = b"Sperm"


def cut_short(data):
    """Truncates within the loaded segments; only debug sections follow them."""
    del data[end_of_segments(data) - 1 :]


def end_of_segments(data):
    offset, (size, number) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from(
        "<HH", data, 54
    )
    headers = [
        struct.unpack_from("<IIQQQQ", data, offset + index * size) for index in range(number)
    ]
    return max(start + length for kind, _, start, _, _, length in headers if kind == 1)


def program_headers(data):
    """The offset in the file and the type of each."""
    first = struct.unpack_from("<Q", data, 32)[0]
    size, number = struct.unpack_from("<HH", data, 54)
    offsets = range(first, first + size * number, size)
    return [(offset, struct.unpack_from("<I", data, offset)[0]) for offset in offsets]


def without_header(kind):
    """The program headers of that type become PT_NULL."""

    def change(data):
        found = [offset for offset, type_ in program_headers(data) if type_ == kind]
        assert found
        for offset in found:
            struct.pack_into("<I", data, offset, 0)

    return edited(change)


def move_dynamic_section(data):
    """Its address lies outside of all segments."""
    (offset,) = (offset for offset, kind in program_headers(data) if kind == PT_DYNAMIC)
    struct.pack_into("<Q", data, offset + 16, 1 << 40)


def holding(content):
    return lambda path, _: path.write_bytes(content) and None


def with_mode(mode):
    return lambda path, _: path.chmod(mode)


def in_a_folder_with_mode(mode):
    return lambda path, _: path.parent.chmod(mode)


def below_a_folder_with_mode(mode):
    return lambda path, _: path.parent.parent.chmod(mode)


def owned_by_another(path, _):
    os.chown(path, 12345, -1)


def in_anothers_folder(path, _):
    os.chown(path.parent, 12345, -1)


def a_directory(path, _):
    path.unlink()
    path.mkdir(mode=0o755)


def a_pipe(path, _):
    path.unlink()
    os.mkfifo(path, 0o644)


def a_socket(path, _):
    path.unlink()
    folder = os.open(path.parent, os.O_RDONLY)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def a_device(path, _):
    path.unlink()
    path.symlink_to("/dev/null")


def too_large(path, _):
    os.truncate(path, 256 * 1024 * 1024 + 1)


def link_to_elsewhere(path, _):
    """Makes a link to a file in a folder that everyone may write."""
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.mkdir()
    path.rename(elsewhere / "real.so")
    path.symlink_to(elsewhere / "real.so")
    elsewhere.chmod(0o777)


def link_that_everyone_may_replace(path, _):
    """Makes a link to a valid file, in a folder that everyone may write."""
    home = path.parent.parent / "home"
    home.mkdir(mode=0o755)
    path.rename(home / "real.so")
    path.symlink_to(home / "real.so")
    path.parent.chmod(0o777)


# ---- the table. {path} is the file, {folder} its folder, {above} the parent of the folder,
# {digest} the SHA-256, {machine} the ELF number of this machine.

STACK = "loading it would make the stacks of this process executable ({why}): link it with `-Wl,-z,noexecstack`; assembler files need a section `.note.GNU-stack`"  # fmt: skip
NAME = "a lower-case letter, then lower-case letters, digits or _, at most 63 in all"
AUTH = "verify (for a server) or answer (for a client)"
NO_NOTE = (
    "not a Spore plugin: it has no Spore ABI note (is SPORE_PLUGIN missing, or was the note "
    "stripped?)"
)
NOT_ELF = "not a shared object: expected an ELF file"
SIZE = "{path} has {size} bytes: expected a plugin of 1 byte to 256 MiB"
PIN = "0" * 64

CASES = {
    # Mistakes of the author.
    "another major": (
        as_built("auth_other_major"),
        "plugin auth_other_major 2.1.0 was built for plugin ABI 2.0, this host has 1.0: build it "
        "against the SDK of "
        "ABI 1",
    ),
    "a later minor": (
        as_built("auth_too_new"),
        "plugin auth_too_new 1.2.3 needs plugin ABI 1.77 or later, this host has 1.0: update "
        "Spore, or build the plugin with a smaller SPORE_MIN_MINOR",
    ),
    "no note": (as_built("auth_no_note"), NO_NOTE),
    "two notes": (
        as_built("auth_two_notes"),
        "it has more than one note for Spore's ABI 1: expected one SPORE_PLUGIN(...)",
    ),
    "no entry": (
        as_built("auth_no_entry"),
        "it does not export spore_plugin_v1: expected SPORE_PLUGIN(...) in it",
    ),
    "an entry that gives nothing": (
        as_built("auth_null_entry"),
        "spore_plugin_v1() returned no plugin",
    ),
    "no components": (
        as_built("auth_no_components"),
        "it has no components: expected at least one in SPORE_PLUGIN(...)",
    ),
    "an unresolved symbol": (
        as_built("auth_unresolved"),
        "cannot load it: undefined symbol: spore_function_that_nobody_has",
    ),
    "an executable stack": (
        as_built("auth_exec_stack"),
        STACK.replace("{why}", "PF_X in PT_GNU_STACK"),
    ),
    "text relocations": (
        as_built("auth_text_relocations"),
        "loading it would make its code writable (text relocations, DT_TEXTREL): compile "
        "all of it with `-fPIC`, also "
        "its static libraries",
    ),
    "an extension that is not there": (
        as_built("auth_needs_more"),
        (
            'it needs the host extension "spore.time_travel/1", which this host does not have: '
            "update Spore"
        ),
    ),
    "no verify and no answer": (
        as_built("auth_no_slot"),
        f'its component "no_slot" lacks the mandatory slot: {AUTH}',
    ),
    "no create": (
        as_built("auth_no_create"),
        'its component "no_create" lacks the mandatory slot: create',
    ),
    "no destroy": (
        as_built("auth_no_destroy"),
        'its component "no_destroy" lacks the mandatory slot: destroy',
    ),
    "no ops": (as_built("auth_no_ops"), 'its component "no_ops" lacks the mandatory slot: ops'),
    "no wrap": (
        as_built("transport_no_wrap"),
        'its component "no_wrap" lacks the mandatory slot: wrap',
    ),
    "no operations of the streams": (
        as_built("transport_no_stream_ops"),
        'its component "no_stream_ops" lacks the mandatory slot: stream_ops',
    ),
    "no shutdown of the streams": (
        as_built("transport_no_shutdown"),
        'its component "no_shutdown" lacks the mandatory slot: stream_ops.shutdown',
    ),
    "no check": (
        as_built("acl_no_check"),
        'its component "no_check" lacks the mandatory slot: check',
    ),
    "no name": (as_built("auth_no_name"), "one of its components has no name or is truncated"),
    "an option without a doc": (
        as_built("auth_no_doc"),
        'its component "no_doc" has a wrong option table: an incomplete row',
    ),
    "an option outside its struct": (
        as_built("auth_outside"),
        'its component "outside" has a wrong option table: a row whose field lies '
        "outside its struct",
    ),
    "two options of one name": (
        as_built("auth_twice"),
        'its component "twice" has a wrong option table: two rows of one name',
    ),
    "a list of larger items than it says": (
        as_built("auth_thin_items"),
        'its component "thin_items" has a wrong option table: a row whose items are '
        "larger than their size says",
    ),
    "one worker for what needs all": (
        as_built("auth_single"),
        'its component "single" has SPORE_COMPF_SINGLE_WORKER, which auth components may not have',
    ),
    "a name that is meant for the terminal": (
        as_built("auth_hostile"),
        rf'one of its components has the name "x\x1b[2J\x0a\x22": expected {NAME}',
    ),
    "an option's name that is none": (
        as_built("auth_option_name"),
        'its component "option_name" has a wrong option table: a row has the name "a/b '
        f'c": expected {NAME}',
    ),
    "an option of an unknown type": (
        as_built("auth_option_type"),
        'its component "option_type" has a wrong option table: "from" has the type 99, '
        "which this host does not know: "
        "use a type of option.h, or update Spore",
    ),
    "a default out of its bounds": (
        as_built("auth_option_default"),
        'its component "option_default" has a wrong option table: the default of "from" '
        "is 77: expected JSON (whole "
        "number, 0 to 10)",
    ),
    "a default that is no JSON, far below": (
        as_built("auth_option_inner"),
        'its component "option_inner" has a wrong option table: the default of "path" is '
        "etc: expected JSON (path)",
    ),
    # A damaged file.
    "another machine": (
        put_at(18, "<H", 8),
        "not a 64-bit shared object for this machine (ELF machine 8)",
    ),
    "32 bits": (
        put_at(4, "B", 1),
        "not a 64-bit shared object for this machine (ELF machine {machine})",
    ),
    "an object file": (
        put_at(16, "<H", 1),
        "not a 64-bit shared object for this machine (ELF machine {machine})",
    ),
    "headers far away": (
        put_at(32, "<Q", 1 << 40),
        "damaged: its program headers are outside of the file",
    ),
    "no word about the stack": (
        without_header(PT_GNU_STACK),
        STACK.replace("{why}", "no PT_GNU_STACK"),
    ),
    "no dynamic section": (without_header(PT_DYNAMIC), "damaged: it has no dynamic section"),
    "a dynamic section far away": (
        edited(move_dynamic_section),
        "damaged: its dynamic section is outside of its segments",
    ),
    "a note that was spoilt": (edited(spoil_notes_name), NO_NOTE),
    "a name without an end": (
        fill_note(8, 32),
        "damaged: the name in its ABI note has no terminating NUL",
    ),
    "a version without an end": (
        fill_note(40, 16),
        "damaged: the version in its ABI note has no terminating NUL",
    ),
    "cut short": (edited(cut_short), "damaged: the file is truncated"),
    "cut off behind four bytes": (holding(b"\x7fELF"), NOT_ELF),
    "a text file": (holding(b"#!/bin/sh\n" + b"exit\n" * 50), NOT_ELF),
    "empty": (lambda path, _: os.truncate(path, 0), SIZE),
    "too large": (too_large, SIZE),
    "a directory": (a_directory, "{path} is not a regular file"),
    "a pipe": (a_pipe, "{path} is not a regular file"),
    "a socket": (a_socket, "cannot open {path}: No such device or address"),
    "a device": (a_device, "/dev/null is not a regular file"),
    # Owner and mode of the file.
    "everyone may write it": (
        with_mode(0o666),
        "{path} is writable by everyone: run `chmod o-w {path}`",
    ),
    "everyone may write its folder": (
        in_a_folder_with_mode(0o777),
        "{folder} is writable by everyone: run `chmod o-w {folder}`",
    ),
    "everyone may write the folder above": (
        below_a_folder_with_mode(0o757),
        "{above} is writable by everyone: run `chmod o-w {above}`",
    ),
    "a link to elsewhere": (
        link_to_elsewhere,
        "{above}/elsewhere is writable by everyone: run `chmod o-w {above}/elsewhere`",
    ),
    "a link that everyone may replace": (
        link_that_everyone_may_replace,
        "{folder} is writable by everyone: run `chmod o-w {folder}`",
    ),
    "not the one that is pinned": (
        lambda path, _: None,
        f"its SHA-256 is {{digest}}: expected the pinned {PIN}",
    ),
}

# Only root applies these rules, or can change the owner of a file.
CASES_OF_ROOT = {
    "its group may write it": (
        with_mode(0o664),
        "{path} is writable by its group, and this runs as root: run `chmod g-w {path}`",
    ),
    "its group may write its folder": (
        in_a_folder_with_mode(0o775),
        "{folder} is writable by its group, and this runs as root: run `chmod g-w {folder}`",
    ),
    "its group may write the folder above": (
        below_a_folder_with_mode(0o775),
        "{above} is writable by its group, and this runs as root: run `chmod g-w {above}`",
    ),
    "somebody else's": (
        owned_by_another,
        "{path} belongs to uid 12345, expected root: run `chown root {path}`",
    ),
    "in somebody else's folder": (
        in_anothers_folder,
        "{folder} belongs to uid 12345, expected root: run `chown root {folder}`",
    ),
}
if os.geteuid() == 0:
    CASES.update(CASES_OF_ROOT)

# The host finds these only after the linker or the entry point has run.
SEEN_BY_LOADING = {
    "no entry",
    "an entry that gives nothing",
    "no components",
    "an unresolved symbol",
    "an extension that is not there",
    "no verify and no answer",
    "no create",
    "no destroy",
    "no ops",
    "no wrap",
    "no operations of the streams",
    "no shutdown of the streams",
    "no check",
    "no name",
    "an option outside its struct",
    "two options of one name",
    "a list of larger items than it says",
    "an option without a doc",
    "one worker for what needs all",
    "a name that is meant for the terminal",
    "an option's name that is none",
    "an option of an unknown type",
    "a default out of its bounds",
    "a default that is no JSON, far below",
}


@pytest.fixture
def bad(plugin_folder):
    return pathlib.Path(plugin_folder(BAD))


@pytest.fixture
def folder(tmp_path, bad):
    """A folder with a copy of a valid plugin, auth_good.so."""
    path = tmp_path / "above" / "plugins"
    path.parent.mkdir(mode=0o755)
    path.mkdir(mode=0o755)
    shutil.copy(bad / "auth_good.so", path)
    return path


@pytest.fixture(params=CASES)
def case(request, folder, bad):
    """The path of a plugin and the text of its refusal."""
    make, text = CASES[request.param]
    path = folder / "auth_good.so"
    machine = struct.unpack_from("<H", path.read_bytes(), 18)[0]
    digest = digest_of(path)
    path = make(path, bad) or path
    text = text.format(
        path=path,
        folder=folder,
        above=folder.parent,
        digest=digest,
        machine=machine,
        size=os.stat(path).st_size,
    )
    return path, text, {path.name: f"sha256:{PIN}"} if "pinned" in request.param else {}


def refuse(host, error_line, folder, use="good", section="auth", **options):
    """The error line, whose place is the "use" that named the plugin."""
    options.setdefault("plugins", host.plugins(folder))
    entries = {
        "auth": {"auth": [{"use": use}]},
        "transport": {"transport": [{"use": use}]},
        "acl": {"acl": {"control": [{"use": use}]}},
    }
    line = error_line(host.refused(**entries[section], **options))
    pointer = {"auth": "/auth/0/use", "transport": "/transport/0/use", "acl": "/acl/control/0/use"}[
        section
    ]
    assert "refused.json:" in line and f" error: {pointer}: " in line, line
    return line.split(f" error: {pointer}: ", 1)[1]


def spore_plugin(*arguments):
    return run([spore_binary(), "plugin", *map(str, arguments)])


def test_refusal_at_a_start(host, error_line, case):
    path, text, pin = case
    section, use = path.stem.split("_", 1)
    plugins = {**host.plugins(path.parent), "pin": pin}
    assert (
        refuse(host, error_line, path.parent, use, section, plugins=plugins)
        == f"plugin {path} refused: {text}"
    )


@pytest.mark.parametrize(
    "case", ["an executable stack", "text relocations", "no word about the stack"], indirect=True
)
def test_in_a_check(host, case):
    path, text, _ = case
    use = path.stem.split("_", 1)[1]
    config = host.server_config(folders=[path.parent], auth=[{"use": use}])
    process = run([spore_binary(), "server", "--check", "-c", host.write(config, "check.json")])
    assert process.status == 1
    (line,) = (line for line in process.stderr if "error: " in line)
    assert line.endswith(f" error: /auth/0/use: plugin {path} refused: {text}")


def info(host, path, pin, *flags):
    """The exit status and the output."""
    config = host.write({"plugins": {"pin": pin}}, "pin.json")
    process = spore_plugin("info", "-c", config, path, "--json", *flags)
    assert process.stderr == []
    return process.status, json.loads("\n".join(process.stdout))


def test_refusal_in_plugin_info(host, case):
    path, text, pin = case
    status, said = info(host, path, pin)
    assert (status, said["state"], said["refusal"]) == (
        1,
        "refused",
        f"plugin {path} refused: {text}",
    )
    assert "components" not in said


def test_refusal_in_plugin_info_without_loading(request, host, case):
    path, text, pin = case
    status, said = info(host, path, pin, "--no-load")
    if request.node.callspec.params["case"] in SEEN_BY_LOADING:
        assert (status, said["state"]) == (0, "not loaded")
        assert "refusal" not in said
    else:
        assert (status, said["state"], said["refusal"]) == (
            1,
            "refused",
            f"plugin {path} refused: {text}",
        )


def test_refusal_in_plugin_list(host, case):
    path, text, pin = case
    config = host.write({"plugins": {"path": [str(path.parent)], "pin": pin}}, "list.json")
    process = spore_plugin("list", "-c", config)
    (row,) = (line for line in process.stdout if str(path) in line.split())
    assert process.status == 0, "a list with refused plugins succeeds"
    assert "  refused  " in row and row.endswith(f"{path}  {text}"), row


def test_the_table_is_long_enough():
    assert len(CASES) >= 24


def test_the_valid_plugin_is_accepted(host, folder):
    with host.server(folders=[folder], auth=[{"use": "good"}]) as server:
        assert server.process.running


def test_a_plugin_without_a_servers_side(host, error_line, bad):
    assert refuse(host, error_line, bad, "client_only") == "plugin client_only has no server side"


def test_a_create_that_fails_without_a_word(host, error_line, bad):
    text = refuse(host, error_line, bad, "create_fails")
    assert text == (
        "cannot create plugin create_fails: its back-end failed (SPORE_EBACKEND); see also the log"
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_start_that_fails(host, error_line, bad, workers):
    """It fails after it has started a timer, a post and a job."""
    process = host.refused(
        folders=[bad], auth=[{"use": "auth_create_fails:start_fails"}], workers=workers
    )
    assert error_line(process) == (
        "error: cannot start plugin auth_create_fails:start_fails on worker 0: its back-end failed "
        "(SPORE_EBACKEND)"
    )


# ---- wrong names and damaged files


def test_no_such_plugin(host, error_line, folder):
    text = refuse(host, error_line, folder, "nothing")
    assert text.startswith('unknown auth plugin "nothing": expected one of good, ')
    assert f"(looked for auth_nothing.so in {folder}, " in text


def test_a_plugin_of_another_folder_is_suggested(host, error_line, folder):
    assert 'unknown auth plugin "optoins": did you mean "options"? (' in refuse(
        host, error_line, folder, "optoins"
    )


def test_no_such_component(host, error_line, folder):
    text = refuse(host, error_line, folder, "auth_good:other")
    assert (
        text == f'plugin {folder}/auth_good.so has no auth component "other": expected one of good'
    )


@pytest.mark.parametrize("use", ["../good", "/etc/passwd", "a/b:c"])
def test_a_name_is_no_path(host, error_line, folder, use):
    assert (
        refuse(host, error_line, folder, use)
        == f'expected a plugin\'s name without slashes, found "{use}"'
    )


def test_a_link_to_a_good_file_is_fine(host, folder, tmp_path):
    links = tmp_path / "links"
    links.mkdir(mode=0o755)
    (links / "auth_good.so").symlink_to(folder / "auth_good.so")
    with host.server(folders=[links], auth=[{"use": "good"}]) as server:
        assert server.process.running


def test_a_link_to_nothing(host, error_line, folder):
    (folder / "auth_good.so").unlink()
    (folder / "auth_good.so").symlink_to("/nowhere")
    assert "auth_good.so" in refuse(host, error_line, folder)


def test_a_plugin_that_was_cut_off(host, error_line, folder):
    """Wherever code or data is missing, the host refuses the file and does not crash."""
    whole = (folder / "auth_good.so").read_bytes()
    end = end_of_segments(whole)
    for length in [*range(end // 10, end, end // 10), end - 1]:
        (folder / "auth_good.so").write_bytes(whole[:length])
        assert "auth_good.so" in refuse(host, error_line, folder)


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


def test_a_pin_keeps_even_a_dangerous_file_from_running(host, error_line, folder, bad):
    """The digest is compared before the file is parsed."""
    shutil.copy(bad / "auth_unresolved.so", folder / "auth_good.so")
    text = error_line(host.refused(plugins=pinned(host, folder, "0" * 64), auth=[{"use": "good"}]))
    assert "expected the pinned" in text


@pytest.mark.parametrize("pin", ["md5:0123", "sha256:12", "sha256:" + "g" * 64])
def test_an_invalid_pin(host, error_line, folder, pin):
    plugins = {**host.plugins(folder), "pin": {"auth_good.so": pin}}
    line = error_line(host.refused(plugins=plugins, auth=[{"use": "good"}]))
    # A long value is cut.
    text = f'/plugins/pin/auth_good.so: expected "sha256:" and 64 hex digits, found "{pin[:57]}'
    assert text in line
    assert "refused.json:" in line, "the line has a place in the file"


def test_a_pin_for_no_file_is_told(host, folder):
    """The name may be misspelt, and then the intended file is not pinned."""
    plugins = pinned(host, folder, digest_of(folder / "auth_good.so"))
    plugins["pin"]["auth_godo.so"] = "sha256:" + "0" * 64
    with host.server(plugins=plugins, auth=[{"use": "good"}]) as server:
        warnings = [
            line
            for line in server.process.stderr
            if "no plugin folder has the file that a pin names" in line
        ]
    assert len(warnings) == 1 and warnings[0].endswith(" file=auth_godo.so")


# ---- several refusals, and the order of folders


def test_all_refusals_come_at_once(host, bad):
    names = ["other_major", "no_note", "unresolved", "no_slot", "no_create", "needs_more"]
    process = host.refused(folders=[bad], auth=[{"use": name} for name in names])
    lines = [line for line in process.stderr if "error: " in line]
    assert len(lines) == len(names), process.log()


def test_the_first_folder_that_has_it_is_asked(host, error_line, folder, tmp_path):
    """A bad file in an earlier folder hides a valid one; the host does not skip it silently."""
    front = tmp_path / "front"
    front.mkdir()
    (front / "auth_good.so").write_bytes(b"nonsense")
    text = error_line(host.refused(folders=[front, folder], auth=[{"use": "good"}]))
    assert f"plugin {front}/auth_good.so refused" in text


def test_a_running_host_does_not_mind_what_becomes_of_the_file(host, folder, answering):
    """The host runs a plugin from a sealed copy."""
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
    """The modes of the build pass the host's rules; otherwise the tests above would prove
    nothing."""
    assert not (bad / "auth_good.so").stat().st_mode & stat.S_IWOTH
