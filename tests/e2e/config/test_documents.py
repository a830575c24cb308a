"""The documents that `spore reference` generates: a schema, reference pages and manual pages."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest

from harness import transcripts
from harness.peers import REPOSITORY, spore_binary
from harness.process import run

EXAMPLES = sorted(REPOSITORY.glob("conf/*.json"))
REFERENCES = [REPOSITORY / "conf/reference.md", *sorted(REPOSITORY.glob("plugins/*/README.md"))]
WRONG = [
    case
    for case in transcripts.read(pathlib.Path(__file__).with_name("wrong_configs.txt"))
    if case.file
]
BUILD = pathlib.Path(spore_binary()).parent
TESTED = BUILD / "test-plugins"

NOT_SHOWN = re.compile(r"[^ -~]")  # in a message
MISTAKE = re.compile(r"^FILE:\d+:\d+: error: (?:(/\S*): )?(.*)$", re.MULTILINE)

# Rules that a schema cannot express, each with its reason and the pattern of its message.
NOT_IN_A_SCHEMA = {
    "the text is not JSON": r"expected (?:'|a key in double|a value,|nothing more|double quotes|no comm|a closing|each key "
    r"once|at most 32 levels|one of \\|four hex|a low|well-formed|UTF-8|no control|a (?:string|key) without NUL|a number, "
    r"true|a decimal|a number without|true, found [A-Z]|false, found [a-z])",
    "other keys, flags or variables say it": r"conflicts with |expected an entry with|expected one entry in|"
    r"min_port <= max_port|is false, but other|last_good\" only|expected the service's port|"
    r"no other tunnel (?:asks for|has)|an? (?:address|port) of its own|either \"ports\" or|in the same entry|that of the (?:control|listen)|"
    r"neither the control port|server's public ports|"
    r"a transport (?:that knows|with sessions)|a secure transport|expected the key \"(?:client|tunnels|to|secret)\"",
    "files and variables hold it": r"secret file|expected a secret (?:in|from) |cannot read the list",
    "the plugin itself says it": r"the plugin does not like|names, each with its secret|of its certificate|with or without colons",
    "files and roles that a plugin checks": r"cannot read |\.keys?:\d+:\d+: expected|keyfile: the client|authorized_keys: a list|"
    r"expected names: the names|as clients dial it|this option on a|expected a private key|key_passphrase as well|which cannot be decrypted|the passphrase "
    r"does not open|wrong\.users:\d+:\d+: expected|wrong\.policy: /|good\.key: line 1|"
    r"plugin \w+ has no \w+ side|plugin \w+ cannot check an answer|last_good\" on a server only|a certificate in PEM form|certificate for all other names|a name of 1 to 255 bytes|the name and the password are too long",
    "URLs, DNs, filters and attributes of a directory": r"since ldap://|with %n for the name|^expected \"user\"|"
    r"expected a URL with a host, perhaps|expected only ports, max_tunnels, .* and share$",
    "a URL, a header and certificates have a form": r"\{name\} in the|since http://|certificates in PEM|name of an HTTP "
    r"header|http://unix:/PATH|http://, socks5://",
    "hosts and paths of requests": r"one host name such as|one host without a port|expected no \"\*\" at|without a query|"
    r"has this host and path already",
    "logs of events": r"between braces, found|no format with|the key \"path\"|cannot write to|one of tunnel_opened",
    "the section says it": r"\"queue\" in the section",
    "a text with a unit has bounds": r"expected a (?:size|duration) from .* found \"[0-9.]+[a-zA-Z]+\"$",
    "0 means no limit": r"expected 0 (?:\(.*\) )?or at least",
    "a range in a text is the wrong way round": r"lowest first.*found \"(\d+)-\d+\"$",
    "bits stand behind a prefix": r"no bits set after the prefix",
    "an address that no connection has": r"no connection has the address",
    "a text has parts without a type": r"expected \"HOST:PORT|expected HOST or|host without a scheme|"
    r"after the host, found|in brackets, as in|an absolute path behind|a path of at most",
    "two addresses do not fit": r"that can be used beside",
    "keys have no type": r"file name of a plugin as the key",
    "a service and its check have a form": r"address, as the service|with the unix socket|one address of this host|"
    r"without blanks and control|statuses from 100 to 999|name of an instance in \"checks",
    "what a client says has a grammar of its own": r"without control characters, in which|a host name such as|a letter or "
    r"digit, then",
    "1e2 is the integer 100 to a schema": r"found 1e2$",
}  # fmt: skip


def reference(*arguments, **options):
    process = run([spore_binary(), "reference", *map(str, arguments)], **options)
    assert process.status == 0 and process.stderr == [], process.log()
    return "\n".join(process.stdout) + "\n"


def schema(*arguments):
    made = json.loads(reference("--format", "schema", *arguments))
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


@pytest.fixture(scope="module")
def schemas():
    """The schemas of a server, a client and both, including the tests' plugins."""
    each = {role: schema("--role", role, "--plugin-path", TESTED) for role in ("server", "local")}
    return {**each, "both": schema("--plugin-path", TESTED)}


def pointers(errors):
    """The places where a schema finds mistakes. The place of an unknown key is the key itself."""
    for error in errors:
        path = "".join(f"/{part}" for part in error.absolute_path)
        if error.validator == "additionalProperties":
            unknown = set(error.instance) - set(error.schema.get("properties", {}))
            yield from (f"{path}/{NOT_SHOWN.sub('?', key)}" for key in unknown)
        elif error.context:
            yield from pointers(error.context)
        else:
            yield path


def why_not(message):
    return next((why for why, words in NOT_IN_A_SCHEMA.items() if re.search(words, message)), None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(schemas, path):
    example = json.loads(path.read_text())
    role = "local" if "client" in example else "server"
    for each in (role, "both"):
        schemas[each].validate(example)
        schemas[each].validate({"$schema": "spore.schema.json", **example})
    assert not schemas["server" if role == "local" else "local"].is_valid(example)


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_wrong_configurations(schemas, case):
    """The schema finds each mistake that the loader finds, or there is a reason why it cannot."""
    said = MISTAKE.findall(case.said)
    expected = [(pointer, message) for pointer, message in said if not why_not(message)]
    try:
        config = json.loads(case.file.decode())
    except ValueError:
        assert any(not pointer for pointer, _ in said), "not JSON: the loader must say so"
        return
    role = next(word for word in case.words if word in ("server", "local"))
    found = set(pointers(schemas[role].iter_errors(config)))
    missed = [(pointer, message) for pointer, message in expected if pointer not in found]
    assert missed == []


def test_each_reason_applies():
    """Each reason applies to some case, and the schema finds about half of the mistakes that a file
    can have: it cannot compare one part of a file with another, or with the system."""
    mistakes = [
        message for case in WRONG for pointer, message in MISTAKE.findall(case.said) if pointer
    ]
    reasons = [why_not(message) for case in WRONG for _, message in MISTAKE.findall(case.said)]
    assert set(reasons) == {None, *NOT_IN_A_SCHEMA}
    found = [message for message in mistakes if not why_not(message)]
    assert len(found) > 100
    assert len(found) > 0.45 * len(mistakes), f"{len(found)} of {len(mistakes)}"


# Valid and invalid values for a plugin with an option of every type, at the limits.
VALUES = {
    "flag": [True, False, 1, "true", None],
    "whole": [-5, 5, -6, 6, 1.5, "1", None],
    "number": [0.5, -3, "1"],
    "text": ["", "x", 5],
    "secret": ["x", "", {"file": "good"}, {"file": ""}, {"env": "HOME"}, {"x": "y"}, {"file": "good", "env": "HOME"}, 5, []],
    "duration": [0.01, 60, 61, 0.001, -1, "10ms", "1.5s", "1.s", "30", ".5s", "1 s", "-1s", "1x", "5m5s", "1e1", "", None],
    "size": [1, 0, 1048576, 1048577, "1k", "1K", "0.5k", "1kb", "k", "1.2.3k", "0x10", True],
    "choice": ["red", "blue", "Red", "red|green", "", 0],
    "addr": ["127.0.0.1:80", "127.0.0.1:0", "127.0.0.1:65535", "127.0.0.1:65536", "[::1]:80", "[127.0.0.1]:80", "[::1%1]:5",
             "::1:80", "[::1]", "[::1]:", "127.0.0.1", "localhost:80", "256.0.0.1:1", "01.2.3.4:5", 80],
    "ip": ["127.0.0.1", "::1", "::", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "fe80::1%1",
           "1:2:3:4:5:6:1.2.3.4", "1::6:7:8", "1:2::5:6:7:8", "1:2:3:4::1.2.3.4", "1::2::3", "1:2:3:4:5:6:7", "12345::", "g::",
           "1::2:3:4:5:6:7:8", ":1", "1:", "[::1]", "1.2.3", "1.2.3.4.5", "localhost", ""],
    "port": [1024, 65535, 1023, 65536, "1024"],
    "ports": ["1", "65535", "1-2", "1-2,5,7-9", "00080", 80, "65536", "0", "0-5", "1-65536", "1-", "1,", ",1", "1-2-3", "", 0,
              True, "a"],
    "digest": ["sha256:" + "aF" * 32, "sha256:" + "0" * 63, "sha256:" + "g" * 64, "00" * 32, "", 5],
    "full_text": ["x", "", 5],
    "full_list": [["x"], [], {"file": "good"}, "x"],
    "full_map": [{"a": 1}, {}, []],
    "paths": [[], ["x"], [""]],
    "cidr": ["10.0.0.0/8", "::/0", "::/128", "1.2.3.4", "::1", "1.2.3.4/032", "10.0.0.0/33", "::/129", "10.0.0.0/", "10/8",
             "::1%1", "home", 10],
    "texts": [[], ["a"], ["a", 5], {"file": "good"}, {"file": 5}, {"fil": "good"}, "a"],
    "servers": [[{"host": "a"}], [{"host": "a", "port": 1}], [{"host": "a", "port": 0}], [{}], {"file": "good"}, [7]],
    "durations": [["1s", 1], ["x"], [-1]],
    "numbers": [{}, {"a": 1}, {"a": "x"}, []],
    "people": [{"a": {"host": "b"}}, {"a": {}}],
    "nested": [{}, {"depth": 9}, {"depth": 10}, {"inner": {"host": "a"}}, {"inner": {"prot": 5}}, 5],
    "anything": [5, None, {"a": []}],
}  # fmt: skip


ALL_VALUES = [(name, value) for name, tried in VALUES.items() for value in tried]


# A start shows at most 100 mistakes.
@pytest.mark.parametrize("values", [ALL_VALUES[:100], ALL_VALUES[100:]], ids=["first", "others"])
def test_schema_and_loader_agree(schemas, tmp_path, values):
    """They agree on values of every type. All are in one file, whose last instance prevents a
    start."""
    common = {"use": "options", "dump": "/dev/null"}
    auth = [{**common, name: value} for name, value in values] + [{"use": "options"}]
    config = {"plugins": {"path": [str(TESTED)]}, "auth": auth}
    path = tmp_path / "all.json"
    path.write_text(json.dumps(config, indent=1))
    (tmp_path / "good").write_text("x\n")
    (tmp_path / "good").chmod(0o600)
    process = run([spore_binary(), "server", "--config", path])
    assert process.status == 1, process.log()
    by_loader = {
        int(found) for found in re.findall(r"error: /auth/(\d+)\b", "\n".join(process.stderr))
    }
    by_schema = {error.absolute_path[1] for error in schemas["server"].iter_errors(config)}
    assert len(auth) - 1 in by_loader & by_schema
    apart = [
        (*values[i], "refused by the loader" if i in by_loader else "refused by the schema")
        for i in by_loader ^ by_schema
    ]
    assert apart == []
    good = {values[i][0] for i in set(range(len(values))) - by_loader}
    whole = {
        name for name, tried in VALUES.items() if all((name, value) in values for value in tried)
    }
    assert whole <= good, "each option has at least one valid value"


# ---- the documents agree


def sections(made, role):
    """The top-level keys of a file that are not flat keys: objects and arrays."""
    keys = made.schema["definitions"][role]["properties"]
    return {key: sub for key, sub in keys.items() if sub.get("type") in ("object", "array")}


def words(text):
    """The text as a reader sees it: without the escapes of Markdown and troff."""
    return set(re.findall(r"[\w.\[\]-]+", re.sub(r"\\(?:&|f[BIR])|\\(?=[-_*|])", "", text)))


def page(name):
    """The text of a manual page from the build. Without scdoc the build makes none."""
    path = BUILD / "man" / name
    if not path.exists():
        message = f"NO MANUAL PAGES: {path} is not there, since scdoc was missing when it was built"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    return path.read_text(encoding="utf-8")


def keys(tree, prefix=""):
    """Every key of a schema, as the reference writes it: "server.workers", "tunnels[].port"."""
    for name, sub in tree.get("properties", {}).items():
        yield prefix + name
        yield from keys(sub, f"{prefix}{name}.")
        yield from keys(sub.get("items", {}), f"{prefix}{name}[].")
        if isinstance(sub.get("additionalProperties"), dict):
            yield from keys(sub["additionalProperties"], f"{prefix}{name}.NAME.")


@pytest.mark.parametrize("role", ["server", "local"])
def test_flags(schemas, role):
    """Help, manual page and reference contain every flag; every flat key of the schema is a
    flag."""
    shown = run([spore_binary(), role, "--help"]).stdout
    flags = {found for line in shown for found in re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", line)}
    variables = {found for line in shown for found in re.findall(r"\b(?:SPORE|BORE)_[A-Z_]+", line)}
    flat = {
        f"--{name.replace('_', '-')}"
        for name in schemas["both"].schema["definitions"][role]["properties"]
    }
    assert flat - {f"--{name}" for name in {"$schema", *sections(schemas["both"], role)}} <= flags
    assert {
        "--config",
        "--help",
        "--version",
        "--control-port",
        "--secret",
    } <= flags and "SPORE_CONFIG" in variables
    for text in (reference("--part", "flags", "--role", role), page(f"spore-{role}.1")):
        assert flags | variables <= words(text)


def test_headings_have_no_markup():
    """scdoc copies a heading as it is, so markup would show."""
    headings = re.findall(r"^\.(?:SH|SS) (.*)$", page("spore-config.5"), re.MULTILINE)
    assert "The auth plugin multi_secret" in headings
    assert [heading for heading in headings if re.search(r"[*\\`]", heading)] == []


def test_ctl():
    """Its manual page has the commands and flags of its help."""
    shown = run([spore_binary(), "ctl", "--help"]).stdout
    names = {found for line in shown for found in re.findall(r"^ +(?:-\w, )?(-*[a-z-]+)", line)}
    assert {"tunnels", "kick", "log-level", "--socket"} <= names <= words(page("spore-ctl.1"))
    assert "spore ctl --help" not in page("spore.1"), "it has a page of its own"


def test_keys(schemas):
    """The pages, the manual page and their sources contain every key and every option of a
    plugin."""
    definitions = schema().schema["definitions"]
    plugins = [
        found
        for name, found in definitions.items()
        if re.match(r"(auth|transport|acl|metrics)\.", name)
    ]
    roles = [sections(schema(), role) for role in ("server", "local")]
    every = {
        key for tree in (*plugins, *({"properties": each} for each in roles)) for key in keys(tree)
    }
    told_above = {
        name for each in roles for name, sub in each.items() if sub["type"] == "object"
    }  # in a sentence
    wanted = every - told_above
    assert {
        "server.workers",
        "limits.ban_time",
        "tunnels[].local",
        "plugins.pin",
        "auth",
        "use",
        "cacertfile",
    } <= wanted
    assert {"policy.NAME.ports", "clients.NAME.san", "packet_size"} <= wanted and len(wanted) > 80
    for text in (
        reference(),
        "".join(path.read_text(encoding="utf-8") for path in REFERENCES),
        page("spore-config.5"),
    ):
        assert wanted - words(text) == set()


def test_commands():
    """The manual contains the help of each command."""
    listed = {
        line.split()[0]
        for line in run([spore_binary(), "--help"]).stdout
        if re.match(r"  [a-z]", line)
    }
    assert {"server", "local", "keygen", "plugin", "reference"} <= listed
    assert {f"spore {command}" for command in listed} <= set(
        re.findall(r"spore [a-z]+", page("spore.1"))
    )


# ---- third-party plugins, and the command line


@pytest.fixture
def folder(tmp_path):
    """Makes a folder with copies of the tests' plugins."""

    def make(*plugins):
        for plugin in plugins:
            shutil.copy(TESTED / f"{plugin}.so", tmp_path)
        return tmp_path

    return make


def test_a_plugin_of_somebody_elses(folder, tmp_path):
    """It is in the schema and in the reference if it is on the plugin path, however that is set."""
    path = folder("auth_options")
    config = tmp_path / "server.json"
    config.write_text(json.dumps({"plugins": {"path": [str(path)]}}))
    config.chmod(0o600)
    good = {
        "auth": [
            {"use": "options", "dump": "x", "whole": 5},
            {"use": "auth_options:optional", "server": {"host": "a"}},
        ]
    }
    bad = {
        "auth": [
            {"use": "options", "dump": "x", "whole": 6},
            {"use": "auth_options:optional", "server": {}},
        ]
    }
    for arguments in (["--plugin-path", path], ["-c", config], [f"--config={config}"]):
        made = schema(*arguments)
        assert made.is_valid(good)
        assert set(pointers(made.iter_errors(bad))) == {"/auth/0/whole", "/auth/1/server"}
        assert "servers[].host" in words(reference("--part", "plugins", *arguments))
    assert set(pointers(schema().iter_errors(good))) == {"/auth/0/use", "/auth/1/use"}


def test_a_plugin_that_is_refused(folder):
    """The refusal is reported; the documents contain everything else."""
    path = folder("acl_deny", "bad/auth_too_new")
    process = run([spore_binary(), "reference", "--part", "plugins", "--plugin-path", path])
    assert process.status == 0
    assert (
        len(process.stderr) == 1
        and f"warning: plugin {path}/auth_too_new.so refused: " in process.stderr[0]
    )
    text = "\n".join(process.stdout)
    assert "`deny`" in text and "`hmac`" in text and "too_new" not in text


def test_what_a_plugin_says_harms_nothing(folder):
    """Its docs and choices contain control bytes, quotes and the markup of every format."""
    path, said = folder("bad/auth_loud"), {}
    for form in ("markdown", "scdoc", "schema"):
        process = run([spore_binary(), "reference", "--format", form, "--plugin-path", path])
        assert process.status == 0, process.log()
        said[form] = "\n".join(process.stdout) + "\n"
        assert re.fullmatch(r"[\n\t -~]*", said[form])
    made = json.loads(said["schema"])
    jsonschema.Draft7Validator.check_schema(made)
    choices = [
        choice
        for found in made["definitions"].values()
        for option in found.get("properties", {}).values()
        for choice in option.get("enum", [])
    ]
    assert any("\x1b" in str(choice) for choice in choices), "the schema keeps a choice as it is"
    rows = [line for line in said["markdown"].split("\n") if "port, 1 to 9" in line]
    assert rows and all(
        len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows
    ), "each row has four cells"
    if shutil.which("scdoc"):
        page = subprocess.run(
            ["scdoc"], input=f"x(1)\n\n# X\n\n{said['scdoc']}", stdout=subprocess.PIPE, text=True
        )
        assert page.returncode == 0 and "deprecated" in page.stdout


def test_one_plugin(folder):
    """The output contains the options of this plugin only."""
    path = folder("auth_options")
    text = reference("--plugin", "auth_options", "--plugin-path", path)
    assert "`servers[].host`" in text and "### The auth plugin `options`" in text
    assert "hmac" not in text and "server.workers" not in text
    process = run([spore_binary(), "reference", "--plugin", "auth_option", "--plugin-path", path])
    assert process.status == 1 and process.stdout == []
    assert process.stderr == ['error: found no plugin "auth_option": did you mean "auth_options"?']


def test_a_folder_that_is_not_there(tmp_path):
    process = run([spore_binary(), "reference", "--plugin-path", tmp_path / "none"])
    assert process.status == 1 and process.stdout == []
    assert process.stderr == [
        f"error: cannot read the folder {tmp_path}/none: No such file or directory"
    ]


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["surplus"], 'expected a flag, found "surplus"'),
        (["--bogus"], "unknown flag --bogus"),
        (["--help=yes"], "expected --help without a value"),
        (["--format"], "expected a value after --format, found the end of the command line"),
        (["--format", "roff"], '--format: expected markdown, scdoc or schema, found "roff"'),
        (["--role=client"], '--role: expected server or local, found "client"'),
        (
            ["--part", "all"],
            '--part: expected flags, keys, plugins, types, metrics or reasons, found "all"',
        ),
        (["--plugin-path=/x"] * 15, "expected --plugin-path at most 14 times"),
        (["--\x1b[2J"], r"unknown flag --\x1b[2J"),
    ],
    ids=lambda value: "_".join(value)[:24].replace("\x1b", "") if isinstance(value, list) else "",
)
def test_wrong_command_lines(arguments, text):
    process = run([spore_binary(), "reference", *arguments])
    assert process.status == 2 and process.stdout == []
    assert process.stderr == [f"error: {text}", "try: spore reference --help"]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--format", "schema", "-h"]])
def test_help(arguments):
    process = run([spore_binary(), "reference", *arguments])
    assert process.status == 0 and process.stderr == []
    assert {"--format", "--role", "--part", "--config", "--plugin-path"} <= words(
        "\n".join(process.stdout)
    )
