"""`spore plugin list` and `spore plugin info`: found plugins, their contents, reasons of refusals.

test_refused.py tests that the refusals are the same as at a start.
"""

import hashlib
import json
import pathlib
import re
import shutil

import pytest

from harness.peers import spore_binary
from harness.process import run

BAD = "test-plugins/bad"
NO_NOTE = (
    "not a Spore plugin: it has no Spore ABI note (is SPORE_PLUGIN missing, or was the note "
    "stripped?)"
)
TOO_NEW = (
    "plugin auth_too_new 1.2.3 needs plugin ABI 1.77 or later, this host has 1.0: update Spore, or "
    "build the plugin "
    "with a smaller SPORE_MIN_MINOR"
)


def spore_plugin(*arguments, **options):
    return run([spore_binary(), "plugin", *map(str, arguments)], **options)


def as_json(*arguments, status=0, **options):
    process = spore_plugin(*arguments, "--json", **options)
    assert process.status == status, process.log()
    return json.loads("\n".join(process.stdout))


@pytest.fixture
def folder(tmp_path, plugin_folder):
    """A function that makes a folder with copies of built plugins."""

    def make(name, *plugins):
        path = tmp_path / name
        path.mkdir(mode=0o755)
        for plugin in plugins:
            source = pathlib.Path(plugin_folder(BAD if "bad/" in plugin else "test-plugins"))
            shutil.copy(source / f"{plugin.removeprefix('bad/')}.so", path)
        return path

    return make


def rows(process, *folders):
    """The cells of the rows about plugins in these folders. Two or more spaces separate columns."""
    cells = [re.split(r" {2,}", line) for line in process.stdout]
    return [row for row in cells if any(row[4].startswith(f"{each}/") for each in folders)]


# ---- list


def test_a_list(folder):
    """The list is ordered by folder, file and component."""
    one = folder("one", "auth_crash", "bad/auth_good", "bad/auth_no_note", "bad/auth_too_new")
    two = folder("two", "bad/auth_good", "acl_deny")
    (two / "auth_no_note.so").write_bytes(b"nonsense")
    (two / "README").write_text("no plugin")
    process = spore_plugin("list", "--plugin-path", one, "--plugin-path", two)
    assert process.status == 0 and process.stderr == []
    assert process.stdout[0].split() == ["PLUGIN", "VERSION", "ABI", "OFFERS", "FILE", "SUMMARY"]
    assert rows(process, one, two) == [
        ["auth_crash", "1.0.0", "1.0", "auth crash", f"{one}/auth_crash.so", "dies as it is told"],
        [
            "auth_crash",
            "1.0.0",
            "1.0",
            "auth auth_crash:crash_blocking",
            f"{one}/auth_crash.so",
            "dies as it is told",
        ],
        ["auth_good", "1.0.0", "1.0", "auth good", f"{one}/auth_good.so"],
        ["-", "-", "-", "refused", f"{one}/auth_no_note.so", NO_NOTE],
        ["auth_too_new", "1.2.3", "1.0", "refused", f"{one}/auth_too_new.so", TOO_NEW],
        ["acl_deny", "1.0.0", "1.0", "acl deny", f"{two}/acl_deny.so", "denies prefixes"],
        ["auth_good", "1.0.0", "1.0", "shadowed", f"{two}/auth_good.so", f"by {one}/auth_good.so"],
        ["-", "-", "-", "shadowed", f"{two}/auth_no_note.so", f"by {one}/auth_no_note.so"],
    ]
    own = rows(process, pathlib.Path(spore_binary()).parent / "plugins")
    assert {"auth_hmac", "transport_plain"} <= {row[0] for row in own}, "Spore's plugins come last"
    assert len(process.stdout) == 1 + 8 + len(own)


def test_columns_are_aligned(folder):
    process = spore_plugin(
        "list", "--plugin-path", folder("one", "auth_crash", "bad/auth_no_note", "bad/auth_good")
    )
    starts = [found.start() for found in re.finditer(r"\S+", process.stdout[0])]
    for line in process.stdout:
        assert line == line.rstrip()
        for start in starts[: len(re.split(r" {2,}", line))]:
            assert line[start] != " " and line[max(0, start - 2) : start].strip() == "", line


def test_a_list_as_json(folder):
    one = folder("one", "auth_crash", "bad/auth_too_new", "bad/auth_no_note")
    two = folder("two", "auth_crash")
    listed = as_json("list", "--plugin-path", one, "--plugin-path", two)
    assert all(
        pathlib.Path(each["file"]).name != "auth_crash.so" for each in listed[4:]
    ), "Spore's plugins come last"
    components = [
        {"kind": "auth", "name": "crash", "use": "crash", "summary": "dies as it is told"},
        {
            "kind": "auth",
            "name": "crash_blocking",
            "use": "auth_crash:crash_blocking",
            "summary": "dies as it is told",
        },
    ]
    crash = {"plugin": "auth_crash", "version": "1.0.0", "abi": "1.0"}
    assert listed[:4] == [
        {"file": f"{one}/auth_crash.so", **crash, "state": "loaded", "components": components},
        {
            "file": f"{one}/auth_no_note.so",
            "plugin": None,
            "version": None,
            "abi": None,
            "state": "refused",
            "refusal": f"plugin {one}/auth_no_note.so refused: {NO_NOTE}",
            "components": [],
        },
        {
            "file": f"{one}/auth_too_new.so",
            "plugin": "auth_too_new",
            "version": "1.2.3",
            "abi": "1.0",
            "state": "refused",
            "refusal": f"plugin {one}/auth_too_new.so refused: {TOO_NEW}",
            "components": [],
        },
        {
            "file": f"{two}/auth_crash.so",
            **crash,
            "state": "shadowed",
            "shadowed_by": f"{one}/auth_crash.so",
            "components": [],
        },
    ]


@pytest.mark.parametrize("way", ["-c", "--config", "--config=", "SPORE_CONFIG"])
def test_the_path_is_that_of_a_configuration(host, folder, way):
    """The configuration may be a server's or a client's; only the path is used."""
    one, two, front = (
        folder("one", "acl_deny"),
        folder("two", "acl_deny"),
        folder("front", "acl_deny"),
    )
    path = host.write({"client": "nonsense", "plugins": {"path": [str(one), str(two)]}}, "any.json")
    arguments = {
        "-c": ["-c", path],
        "--config": ["--config", path],
        "--config=": [f"--config={path}"],
    }.get(way, [])
    process = spore_plugin(
        "list", *arguments, env={"SPORE_CONFIG": path} if not arguments else None
    )
    assert [row[3] for row in rows(process, one, two)] == ["acl deny", "shadowed"]
    process = spore_plugin("list", "-c", path, f"--plugin-path={front}")
    assert [row[3:] for row in rows(process, front, one, two)] == [
        ["acl deny", f"{front}/acl_deny.so", "denies prefixes"],
        ["shadowed", f"{one}/acl_deny.so", f"by {front}/acl_deny.so"],
        ["shadowed", f"{two}/acl_deny.so", f"by {front}/acl_deny.so"],
    ]


def test_a_list_is_what_a_start_finds(host, error_line, folder):
    """The first file on the path is loaded, whether it is valid or not."""
    one, two = folder("one"), folder("two", "acl_deny")
    (one / "acl_deny.so").write_bytes(b"nonsense")
    plugins = {"path": [str(one), str(two)]}
    process = spore_plugin("list", "-c", host.write({"plugins": plugins}, "list.json"))
    assert [row[3] for row in rows(process, one, two)] == ["refused", "shadowed"]
    line = error_line(host.refused(plugins=plugins, acl={"control": [{"use": "deny"}]}))
    assert f"plugin {one}/acl_deny.so refused" in line


def test_a_folder_that_is_named_twice_hides_nothing(folder, tmp_path):
    one = folder("one", "acl_deny")
    (tmp_path / "link").symlink_to(one)
    process = spore_plugin(
        "list", *(f"--plugin-path={each}" for each in (one, one, tmp_path / "link", f"{one}/."))
    )
    assert [row[3] for row in rows(process, tmp_path)] == ["acl deny"]


def test_a_folder_that_cannot_be_read(folder, tmp_path):
    """It is reported; the other folders are still listed."""
    one = folder("one", "acl_deny")
    (tmp_path / "file").write_text("")
    process = spore_plugin(
        "list",
        "--plugin-path",
        "/nowhere",
        "--plugin-path",
        tmp_path / "file",
        "--plugin-path",
        one,
    )
    assert process.status == 1
    assert process.stderr == [
        "error: cannot read the folder /nowhere: No such file or directory",
        f"error: cannot read the folder {tmp_path}/file: Not a directory",
    ]
    assert [row[3] for row in rows(process, one)] == ["acl deny"]


def test_one_that_dies_keeps_no_other_from_the_list(folder):
    one = folder("one", "bad/auth_traps", "bad/auth_exits", "acl_deny", "auth_silent")
    process = spore_plugin("list", "--plugin-path", one)
    assert process.status == 0
    assert [(row[3], row[5]) for row in rows(process, one)] == [
        ("acl deny", "denies prefixes"),
        ("refused", "loading it ends the process with status 0"),
        ("auth silent", "judges by address"),
        ("refused", "loading it kills the process with signal 6 (Aborted)"),
    ]


@pytest.mark.slow
def test_one_that_stalls_is_given_up(folder):
    one = folder("one", "bad/auth_stalls", "acl_deny")
    process = spore_plugin("list", "--plugin-path", one, timeout=20)
    assert process.status == 0
    assert [(row[3], row[5]) for row in rows(process, one)] == [
        ("acl deny", "denies prefixes"),
        ("refused", "loading it takes more than 10 seconds"),
    ]


def test_without_loading_nothing_runs(folder):
    one = folder("one", "bad/auth_traps", "bad/auth_exits", "bad/auth_other_major")
    process = spore_plugin("list", "--no-load", "--plugin-path", one)
    assert process.status == 0
    assert [row[:4] for row in rows(process, one)] == [
        ["auth_exits", "1.0.0", "1.0", "not loaded"],
        ["auth_other_major", "2.1.0", "2.0", "refused"],
        ["auth_traps", "1.0.0", "1.0", "not loaded"],
    ]
    for name in ("auth_traps", "auth_exits"):
        assert spore_plugin("info", "--no-load", one / f"{name}.so").status == 0


# ---- info


def digest_of(path):
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_info(folder):
    path = folder("one", "auth_blocking") / "auth_blocking.so"
    process = spore_plugin("info", path)
    assert process.status == 0 and process.stderr == []
    assert process.stdout == [
        f"file      {path}",
        "plugin    auth_blocking 1.0.0",
        "abi       1.0; needs a host with 1.0 or later, this host has 1.0",
        f"digest    {digest_of(path)}",
        "access    good",
        "state     loaded",
        "author    The Spore authors",
        "licence   MIT",
        "url       -",
        "requires  -",
        "",
        "auth blocking: sleeps in its calls",
        "  use      blocking",
        "  sides    server, client",
        "  flags    blocking",
        "  options",
        "    answer   secret                required  what a client must say, and says",
        "    sleep    duration, 0 to 1m     0.05      time that a call takes",
        '    verdict  allow|deny|next|fail  "allow"   on a right answer',
        (
            "    ticket   boolean                         complete the ticket instead of returning "
            "the verdict"
        ),
        "    fact     text                            log this fact about the connection",
    ]


def test_info_of_one_that_is_refused(folder):
    """The contents of its note, and the reason."""
    path = folder("one", "bad/auth_other_major") / "auth_other_major.so"
    process = spore_plugin("info", path)
    assert process.status == 1 and process.stderr == []
    assert process.stdout == [
        f"file     {path}",
        "plugin   auth_other_major 2.1.0",
        "abi      2.0; needs a host with 2.0 or later, this host has 1.0",
        f"digest   {digest_of(path)}",
        "access   good",
        "state    refused",
        f"refusal  plugin {path} refused: plugin auth_other_major 2.1.0 was built for plugin ABI "
        "2.0, this host has "
        "1.0: build it against the SDK of ABI 1",
    ]


def test_info_of_one_that_everyone_may_write(folder):
    """The file is read, but no code runs, not even a constructor."""
    path = folder("one", "bad/auth_traps") / "auth_traps.so"
    path.chmod(0o666)
    said = as_json("info", path, status=1)
    reason = f"{path} is writable by everyone: run `chmod o-w {path}`"
    assert said == {
        "file": str(path),
        "plugin": "auth_traps",
        "version": "1.0.0",
        "abi": {"major": 1, "minor": 0, "min_minor": 0},
        "digest": digest_of(path),
        "forbidden": reason,
        "group_may_write": None,
        "exports": [],
        "n_exports": 0,
        "taken_names": [],
        "n_taken_names": 0,
        "state": "refused",
        "refusal": f"plugin {path} refused: {reason}",
    }


def test_info_of_nothing(tmp_path):
    assert as_json("info", tmp_path / "none.so", status=1) == {
        "file": f"{tmp_path}/none.so",
        "state": "refused",
        "refusal": (
            f"plugin {tmp_path}/none.so refused: cannot open {tmp_path}/none.so: No such file or "
            "directory"
        ),
    }


def test_info_of_one_that_dies(folder):
    path = folder("one", "bad/auth_traps") / "auth_traps.so"
    said = as_json("info", path, status=1)
    assert said["plugin"] == "auth_traps"
    assert (
        said["refusal"]
        == f"plugin {path} refused: loading it kills the process with signal 6 (Aborted)"
    )


def test_the_digest_is_a_pin(host, folder):
    one = folder("one", "bad/auth_good")
    digest = as_json("info", one / "auth_good.so")["digest"]
    plugins = {**host.plugins(one), "pin": {"auth_good.so": digest}}
    with host.server(plugins=plugins, auth=[{"use": "good"}]) as server:
        assert server.process.running
    config = host.write({"plugins": {"pin": {"auth_good.so": digest}}}, "pin.json")
    assert as_json("info", "-c", config, one / "auth_good.so")["state"] == "loaded"


def test_what_it_says_of_use_works(host, folder):
    """The shown "use" finds each component of a file."""
    for component in as_json("info", folder("one", "auth_crash") / "auth_crash.so")["components"]:
        with host.server(auth=[{"use": component["use"]}]) as server:
            assert server.process.running


def test_every_option_type_is_told(folder):
    """Components and option tables of a plugin with an option of every type."""
    components = as_json("info", folder("one", "auth_options") / "auth_options.so")["components"]
    assert [component["use"] for component in components] == ["options", "auth_options:optional"]
    options = {option["name"]: option for option in components[0]["options"]}
    types = {option["type"] for option in options.values()}
    assert types == set(
        (
            "bool int number string secret duration size enum addr ip port ports prefix list map "
            "object node sha256"
        ).split()
    )
    assert options["whole_default"] == {
        "name": "whole_default",
        "type": "int",
        "required": False,
        "default": -3,
        "min": -5,
        "max": 5,
        "doc": "a small number",
    }
    assert options["choice_default"]["choices"] == ["red", "green", "blue"]
    assert options["choice_default"]["default"] == "blue"
    assert options["path"]["path"] is True
    assert [inner["name"] for inner in options["servers"]["options"]] == ["host", "port"]
    assert (options["servers"]["type"], options["servers"]["of"]) == ("list", "object")
    assert options["servers"]["options"][0]["required"] is True


def test_what_a_plugin_says_reaches_no_terminal(folder):
    """Docs, choices, the author and other texts, in both output formats."""
    path = folder("one", "bad/auth_loud") / "auth_loud.so"
    loud, escaped = '\x1b[2J"\\\n\xff', r'\x1b[2J"\\x0a\xff'
    for command in (["info", path], ["list", "--plugin-path", path.parent]):
        for flags in ([], ["--json"]):
            process = spore_plugin(*command, *flags)
            assert process.status == 0, process.log()
            for line in process.stdout:
                assert all(" " <= character <= "~" for character in line), line
    process = spore_plugin("info", path)
    assert f"author    u{escaped}" in process.stdout
    assert f"auth loud: s{escaped}" in process.stdout
    assert "kind 77: unknown to this host" in process.stdout
    assert "requires  spore.metrics/1, spore.ready/1" in process.stdout
    said = as_json("info", path)
    assert said["author"] == f"u{loud}"
    assert said["requires"] == ["spore.metrics/1", "spore.ready/1"]
    assert said["components"][1] == {"kind": "unknown"}
    option, deprecated = said["components"][0]["options"]
    assert (option["name"], option["choices"]) == ("a", [f"b{loud}", "c"])
    assert (option["default"], option["doc"]) == ("c", f"e{loud}")
    assert deprecated["deprecated"] is True


def test_a_path_reaches_no_terminal(folder):
    one = folder("one", "bad/auth_good")
    (one / "auth_good.so").rename(one / "auth_\x1b[2J\n.so")
    process = spore_plugin("list", "--plugin-path", one)
    assert process.stdout[1].split("  ")[-1] == rf"{one}/auth_\x1b[2J\x0a.so", process.log()


# ---- the command line


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["list", "--help"], ["info", "-h"], ["info", "x", "--help"]]
)
def test_help(arguments):
    process = spore_plugin(*arguments)
    assert process.status == 0 and process.stderr == []
    text = "\n".join(process.stdout)
    for word in (
        "spore plugin [FLAGS] COMMAND",
        "  list  ",
        "  info FILE  ",
        "--config",
        "--plugin-path",
        "--no-load",
        "--json",
    ):
        assert word in text


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "expected a command: list or info"),
        (["show"], 'unknown command "show"'),
        (["lst"], 'unknown command "lst": did you mean "list"?'),
        (["list", "surplus"], 'expected a flag, found "surplus"'),
        (["list", "--bogus"], "unknown flag --bogus"),
        (["list", "-z"], "unknown flag -z"),
        (["list", "--jsn"], "unknown flag --jsn: did you mean --json?"),
        (["list", "--json=yes"], "expected --json without a value"),
        (
            ["list", "--config"],
            "expected a value after --config, found the end of the command line",
        ),
        (["list", "-c", "a", "--config", "b"], "--config is given twice"),
        (["list", *["--plugin-path=/x"] * 15], "expected --plugin-path at most 14 times"),
        (["info"], "expected FILE after info, found the end of the command line"),
        (["info", "a", "b"], 'expected one FILE, found "b" too'),
        (["info", "a", "--plugin-path", "/x"], "--plugin-path is a flag of `spore plugin list`"),
        (["list", "--\x1b[2J"], r"unknown flag --\x1b[2J"),
    ],
    ids=lambda value: "_".join(value)[:24].replace("\x1b", "") if isinstance(value, list) else "",
)
def test_wrong_command_lines(arguments, text):
    process = spore_plugin(*arguments)
    assert process.status == 2
    assert process.stdout == []
    assert process.stderr == [f"error: {text}", "try: spore plugin --help"]


def test_a_configuration_that_is_wrong(host):
    path = host.write({"plugins": {"pin": {"x.so": "md5:1"}}}, "wrong.json")
    for command in (["list", "-c", path], ["info", "-c", path, "x.so"]):
        process = spore_plugin(*command)
        assert process.status == 1
        assert (
            'error: /plugins/pin/x.so: expected "sha256:" and 64 hex digits, found "md5:1"'
            in process.stderr[0]
        )


def test_too_many_folders(host, error_line, tmp_path):
    plugins = {"path": [str(tmp_path)] * 15}
    text = "/plugins/path: expected at most 14 folders, found 15"
    process = spore_plugin("list", "-c", host.write({"plugins": plugins}, "many.json"))
    assert process.status == 1 and text in process.stderr[0]
    assert text in error_line(host.refused(plugins=plugins))
