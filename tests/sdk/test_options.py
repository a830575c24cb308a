"""Options of a plugin: all types of values arrive; mistakes have place, pointer and text."""

import json
import re

import pytest

SECRET = "hunter2-hunter2"


def entry(tmp_path, **options):
    return {"use": "options", "dump": str(tmp_path / "dump"), **options}


@pytest.fixture
def values(host, tmp_path):
    """Starts a server with these options; returns the values that arrived: {name: text or
    texts}."""

    def arrived(env=None, **options):
        with host.server(auth=[entry(tmp_path, **options)], env=env):
            found = {}
            for line in (tmp_path / "dump").read_text(encoding="utf-8").splitlines():
                name, _, value = line.partition(" ")
                found.setdefault(name, []).append(value)
            return found

    return arrived


def test_defaults(values):
    found = values()
    assert {name: texts[0] for name, texts in found.items()} == {
        "flag": "0 1",
        "whole": "0 -3",
        "number": "0.25",
        "text": "-|as \u00e9ver|-",
        "secret": " -",
        "secret_file": " -",
        "secret_env": " -",
        "duration": "0 1500",
        "size": "2048",
        "choice": "0 2",
        "addr": "::ffff:127.0.0.1 family=4 port=80",
        "ip": "::1 family=6 port=0",
        "port": "8080",
        "ports": "1000-2000",
        "cidr": "::ffff:10.0.0.0 family=4 port=104",
        "digest": "0000..00",
        "nested": "1",
        "nested.inner": "nobody:389",
        "anything": "0",
    }


# Option, JSON value, what arrives.
GOOD = [
    ("flag", True, "1 1"),
    ("flag_default", False, "0 0"),
    ("whole", -5, "-5 -3"),
    ("whole", 5, "5 -3"),
    ("whole_default", 0, "0 0"),
    ("number", 1e3, "1000"),
    ("number", -2, "-2"),
    ("text", "na\u00efve \U0001f30d", "na\u00efve \U0001f30d|as \u00e9ver|-"),
    ("text", "", "|as \u00e9ver|-"),
    ("path", "/absolute", "-|as \u00e9ver|/absolute"),
    ("secret", SECRET, f"{SECRET} ended"),
    ("duration", "10ms", "10 1500"),
    ("duration", "1.5s", "1500 1500"),
    ("duration", 2, "2000 1500"),
    ("duration", 0.5, "500 1500"),
    ("duration", "1m", "60000 1500"),
    ("duration_default", "1h", "0 3600000"),
    ("duration_default", "1d", "0 86400000"),
    ("size", 1, "1"),
    ("size", "64k", "65536"),
    ("size", "1M", "1048576"),
    ("choice", "green", "1 2"),
    ("addr", "[2001:db8::1]:443", "2001:db8::1 family=6 port=443"),
    ("addr", "192.0.2.7:0", "::ffff:192.0.2.7 family=4 port=0"),
    ("ip", "192.0.2.7", "::ffff:192.0.2.7 family=4 port=0"),
    ("port", 1024, "1024"),
    ("ports", "22000", "22000-22000"),
    ("ports", 22000, "22000-22000"),
    ("cidr", "2001:db8::/32", "2001:db8:: family=6 port=32"),
    ("cidr", "192.0.2.1", "::ffff:192.0.2.1 family=4 port=128"),
    ("cidr", "0.0.0.0/0", ":: family=4 port=96"),
    ("digest", "sha256:" + "aF0" * 20 + "1e2D", "af0a..2d"),
    ("texts", ["a"], "a"),
    ("durations", ["20ms"], "20"),
    ("numbers", {"one": 1}, "one=1"),
    ("nested", {"depth": 9}, "9"),
    ("anything", None, "0"),
    ("anything", True, "1"),
    ("anything", 1, "2"),
    ("anything", "x", "3"),
    ("anything", [], "4"),
    ("anything", {"a": 1}, "5"),
]
SHOWN_AS = {
    "flag_default": "flag",
    "whole_default": "whole",
    "path": "text",
    "duration_default": "duration",
}


@pytest.mark.parametrize(
    "option, value, text", GOOD, ids=[f"{o}-{json.dumps(v)}" for o, v, _ in GOOD]
)
def test_good_values_arrive(values, option, value, text):
    found = values(**{option: value})[SHOWN_AS.get(option, option)][0]
    if (option, value) == ("cidr", "0.0.0.0/0"):
        assert found in (text, "::ffff:0.0.0.0 family=4 port=96")
    else:
        assert found == text


def test_lists_and_maps_keep_their_order(values):
    found = values(
        texts=["b", "a", "c"],
        ports="1-2,9,4-5",
        servers=[{"host": "one"}, {"host": "two", "port": 636}],
        numbers={"z": 1, "a": 2},
        people={"bob": {"host": "b"}, "ann": {"host": "a", "port": 1}},
        nested={"depth": 2, "inner": {"host": "deep", "port": 7}},
    )
    assert found["texts"] == ["b", "a", "c"]
    assert found["ports"] == ["1-2", "9-9", "4-5"]
    assert found["servers"] == ["one:389", "two:636"]
    assert found["numbers"] == ["z=1", "a=2"]
    assert (found["bob"], found["ann"]) == (["b:389"], ["a:1"])
    assert list(found).index("bob") < list(found).index("ann")
    assert (found["nested"], found["nested.inner"]) == (["2"], ["deep:7"])


def test_secrets_come_from_files_and_variables(values, tmp_path):
    (tmp_path / "key").write_bytes(b"from a file\r\n")
    found = values(
        secret_file={"file": "key"},
        secret_env={"env": "KEY_OF_THE_TEST"},
        secrets={"inline": "x", "kept": {"file": str(tmp_path / "key")}},
        env={"KEY_OF_THE_TEST": "from outside"},
    )
    assert found["secret_file"] == ["from a file ended"]
    assert found["secret_env"] == ["from outside ended"]
    assert (found["inline"], found["kept"]) == (["x ended"], ["from a file ended"])


def test_a_path_starts_at_the_files_folder(values, tmp_path):
    assert values(path="sub/key")["text"] == [f"-|as \u00e9ver|{tmp_path}/sub/key"]


# Option, bad value, pointer below the instance, the text of the error.
BAD = [
    ("flag", 1, "/flag", "expected true or false, found 1"),
    ("flag", "true", "/flag", 'expected true or false, found "true"'),
    ("whole", 6, "/whole", "expected a whole number from -5 to 5, found 6"),
    ("whole", 1.5, "/whole", "expected a whole number from -5 to 5, found 1.5"),
    ("whole", "3", "/whole", 'expected a whole number from -5 to 5 without quotes, found "3"'),
    ("whole", 10**30, "/whole", "expected a whole number from -5 to 5, found 1" + 30 * "0"),
    ("number", "1", "/number", 'expected a number without quotes, found "1"'),
    ("number", None, "/number", "expected a number, found null"),
    ("text", 5, "/text", "expected a string, found 5"),
    ("text", ["x"], "/text", "expected a string, found an array"),
    ("secret", 5, "/secret", 'expected a secret: "text" or an object with the key file, env, credential or command, found a number'),
    ("secret", {"fil": "x"}, "/secret/fil", 'unknown key "fil": did you mean "file"?'),
    ("secret", "", "/secret", "expected a secret, found an empty string"),
    ("secret", {"file": "/nowhere/key"}, "/secret/file",
     "cannot open the secret file /nowhere/key: No such file or directory"),
    ("secret", {"env": "NOBODY_SETS_THIS"}, "/secret/env",
     "expected a secret in the environment variable NOBODY_SETS_THIS, which is not set"),
    ("duration", "5x", "/duration", "expected a duration from 10ms to 1m, such as \"1.5s\" (units: ms, s, m, h, d), or seconds, found \"5x\""),
    ("duration", "9ms", "/duration", "expected a duration from 10ms to 1m, such as \"1.5s\" (units: ms, s, m, h, d), or seconds, found \"9ms\""),
    ("duration", -1, "/duration", "expected a duration from 10ms to 1m, such as \"1.5s\" (units: ms, s, m, h, d), or seconds, found -1"),
    ("duration_default", True, "/duration_default",
     "expected a duration such as \"200ms\", \"1.5s\", \"5m\" (units: ms, s, m, h, d), or seconds, found true"),
    ("size", 0, "/size", "expected a size from 1b to 1m, such as 65536 or \"64k\" (units: b, k, m, g), found 0"),
    ("size", "2m", "/size", "expected a size from 1b to 1m, such as 65536 or \"64k\" (units: b, k, m, g), found \"2m\""),
    ("choice", "Red", "/choice", 'expected one of red|green|blue, found "Red"'),
    ("choice", 0, "/choice", "expected a string, one of red|green|blue, found 0"),
    ("addr", "127.0.0.1", "/addr",
     'expected an address with a port such as "127.0.0.1:80" or "[::1]:80", found "127.0.0.1"'),
    ("addr", "::1:80", "/addr",
     'expected an address with a port such as "127.0.0.1:80" or "[::1]:80", found "::1:80"'),
    ("ip", "localhost", "/ip", 'expected an IP address such as "127.0.0.1" or "::1", found "localhost"'),
    ("port", 80, "/port", "expected a port from 1024 to 65535, found 80"),
    ("port", 65536, "/port", "expected a port from 1024 to 65535, found 65536"),
    ("ports", "5-4", "/ports", 'expected ports from 1 to 65535, lowest first, such as "20000-21000" or "8000,9000-9100", found "5-4"'),
    ("ports", "1,,2", "/ports", 'expected ports from 1 to 65535, lowest first, such as "20000-21000" or "8000,9000-9100", found "1,,2"'),
    ("cidr", "10.0.0.1/8", "/cidr", 'expected "10.0.0.0/8" (no bits set after the prefix), found "10.0.0.1/8"'),
    ("cidr", "10.0.0.0/33", "/cidr", 'expected an IP prefix such as "10.0.0.0/8" or "2001:db8::/32", found "10.0.0.0/33"'),
    ("cidr", "0.0.0.0", "/cidr", 'expected "0.0.0.0/0" for every IPv4 address or "::/0" for every IPv6 address (no connection has the address 0.0.0.0 or ::), found "0.0.0.0"'),
    ("digest", "sha256:12", "/digest", 'expected "sha256:" and 64 hex digits, found "sha256:12"'),
    ("full_text", "", "/full_text", 'expected at least one character, found ""'),
    ("full_list", [], "/full_list", "expected at least one element, found none"),
    ("full_map", {}, "/full_map", "expected at least one element, found none"),
    ("paths", ["x", ""], "/paths/1", 'expected a path, found ""'),
    ("texts", "x", "/texts", 'expected an array, found "x"'),
    ("texts", ["x", 5], "/texts/1", "expected a string, found 5"),
    ("durations", ["1s", "soon"], "/durations/1",
     'expected a duration such as "200ms", "1.5s", "5m" (units: ms, s, m, h, d), or seconds, found "soon"'),
    ("servers", [{"host": "a"}, {"port": 1}], "/servers/1", 'expected the key "host" (its name), found none'),
    ("servers", [{"host": "a", "port": 0}], "/servers/0/port", "expected a port from 1 to 65535, found 0"),
    ("servers", [{"host": "a", "prot": 1}], "/servers/0/prot", 'unknown key "prot": did you mean "port"?'),
    ("servers", ["a"], "/servers/0", 'expected an object, found "a"'),
    ("numbers", [], "/numbers", "expected an object, found an array"),
    ("numbers", {"a/b~c": "x"}, "/numbers/a~1b~0c", 'expected a whole number, found "x"'),
    ("people", {"ann": {"host": 5}}, "/people/ann/host", "expected a string, found 5"),
    ("nested", {"depth": 10}, "/nested/depth", "expected a whole number from 0 to 9, found 10"),
    ("nested", {"inner": {"host": "a", "port": "x"}}, "/nested/inner/port",
     'expected a port from 1 to 65535, found "x"'),
    ("flg", True, "/flg", 'unknown key "flg": did you mean "flag"?'),
    ("zzzzzzzz", True, "/zzzzzzzz",
     'unknown key "zzzzzzzz": expected one of dump, flag, flag_default, whole, whole_default, number, text, text_default, '
     "path, secret, secret_file, secret_env, duration, duration_default, size, choice, choice_default, addr, ip, port, "
     "ports, cidr, digest, full_text, full_list, full_map, paths, texts, servers, durations, numbers, secrets, people, nested, anything, complain, use, name, on_error, last_good_for, queue"),
]  # fmt: skip


def place(text, pointer):
    """(line, column) of a pointer below the first auth instance: of the value, or of an unknown
    key."""
    at = text.index('"options"')
    at = text.rindex("{", 0, at)
    for part in [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]:
        if part.isdigit():
            for _ in range(int(part) + 1):
                at = re.compile(r"\S").search(text, at + 1).start()
                if text[at] == ",":
                    at = re.compile(r"\S").search(text, at + 1).start()
                end = json.JSONDecoder().raw_decode(text[at:])[1] + at
                start, at = at, end - 1
            at = start
        else:
            at = text.index(json.dumps(part) + ":", at) + len(json.dumps(part)) + 2
    line = text.count("\n", 0, at) + 1
    return line, at - (text.rfind("\n", 0, at) + 1) + 1


@pytest.mark.parametrize(
    "option, value, pointer, text", BAD, ids=[f"{o}-{json.dumps(v)[:30]}" for o, v, _, _ in BAD]
)
def test_bad_values_are_refused(host, tmp_path, error_line, option, value, pointer, text):
    process = host.refused(auth=[entry(tmp_path, **{option: value})])
    line = error_line(process)
    config = tmp_path / "refused.json"
    found = re.fullmatch(rf"{re.escape(str(config))}:(\d+):(\d+): error: (/\S*): (.*)", line)
    assert found, line
    assert found.group(3) == f"/auth/0{pointer}"
    assert found.group(4) == text
    expected = place(config.read_text(), pointer)
    if text.startswith("unknown key"):
        assert int(found.group(1)) == expected[0]
    else:
        assert (int(found.group(1)), int(found.group(2))) == expected
    assert not (tmp_path / "dump").exists(), "create() ran"


def test_a_text_never_hides_a_nul(host, tmp_path, error_line):
    """A C string would end at the NUL unnoticed."""
    assert "NUL" in error_line(host.refused(auth=[entry(tmp_path, text="cut\u0000off")]))


def test_a_mandatory_option_is_asked_for(host, error_line):
    line = error_line(host.refused(auth=[{"use": "options"}]))
    assert line.endswith('error: /auth/0: expected the key "dump" (where values go), found none')


def test_a_struct_that_may_be_left_out(host):
    """Its mandatory member is required only if the struct is given."""
    with host.server(auth=[{"use": "auth_options:optional"}]) as server:
        server.process.wait_for("server is none")
    with host.server(auth=[{"use": "auth_options:optional", "server": {"host": "here"}}]) as server:
        server.process.wait_for("server is here")


def test_a_struct_that_is_given_must_be_whole(host, error_line):
    line = error_line(host.refused(auth=[{"use": "auth_options:optional", "server": {"port": 1}}]))
    assert line.endswith('error: /auth/0/server: expected the key "host" (its name), found none')


def test_all_mistakes_come_at_once(host, tmp_path):
    process = host.refused(auth=[entry(tmp_path, flag=1, whole=9, ports="x", zzzzzz=1)])
    assert sum("error: /auth/0/" in line for line in process.stderr) == 4, process.log()


def test_what_create_reports_has_its_place(host, tmp_path, error_line):
    options = entry(tmp_path, texts=["a", "b"], complain=["/texts/1"])
    line = error_line(host.refused(auth=[options]))
    config = tmp_path / "refused.json"
    found = re.fullmatch(rf"{re.escape(str(config))}:(\d+):(\d+): error: (/\S*): (.*)", line)
    assert found, line
    assert found.group(3, 4) == ("/auth/0/texts/1", "the plugin does not like this")
    assert (int(found.group(1)), int(found.group(2))) == place(config.read_text(), "/texts/1")


def test_create_may_report_more_than_once(host, tmp_path):
    process = host.refused(auth=[entry(tmp_path, complain=["", "/flag", "/nowhere/5"])])
    pointers = [
        re.search(r"error: (/\S*): the plugin", line).group(1)
        for line in process.stderr
        if "error: " in line
    ]
    assert pointers == ["/auth/0", "/auth/0/flag", "/auth/0/nowhere/5"]


@pytest.mark.parametrize(
    "options",
    [{"secret": SECRET, "flag": 1}, {"secret": SECRET, "zzzz": 1}, {"secrets": {"a": SECRET, "b": 5}},
     {"secret": [SECRET]}, {"secret": {"fil": SECRET}}, {"secret": SECRET, "complain": [""]},
     {"secret": SECRET, "complain": ["/secret"]}],
    ids=["another", "unknown", "map", "wrong type", "wrong key", "reported", "reported itself"],
)  # fmt: skip
@pytest.mark.parametrize("lines", ["one line", "many lines"])
def test_a_secret_is_never_shown(host, tmp_path, options, lines):
    """Neither other mistakes nor the layout of the file make a message show the secret."""
    config = host.server_config(auth=[entry(tmp_path, **options)])
    process = host.refused(config=json.dumps(config, indent=None if lines == "one line" else 2))
    assert not any(SECRET in line for line in process.lines), process.log()
