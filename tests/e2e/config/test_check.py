"""--check and --print-config: what a start would do, without a start."""

import json
import re
import shutil

import pytest

from harness.passwords import htpasswd
from harness.peers import is_sanitized, spore_binary, spore_client, spore_server
from harness.process import run
from harness.services import Echo
from harness.visitors import one_exchange


def write(folder, config, name="server.json"):
    path = folder / name
    path.write_text(
        config if isinstance(config, str) else json.dumps(config, indent=1), encoding="utf-8"
    )
    return path


def ask(*words, status=0, **options):
    """Runs spore to its end and checks the exit status."""
    process = run([spore_binary(), *map(str, words)], **options)
    assert process.status == status, process.log()
    return process


@pytest.mark.parametrize(
    "words", [["server", "-t", "-c"], ["server", "--config"]], ids=["short", "long"]
)
def test_a_valid_configuration(tmp_path, certificate, address, words):
    """One line says that the plugins exist and that certificate and key belong together."""
    tls = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    path = write(
        tmp_path,
        {
            "server": {"bind_addr": address.host},
            "transport": [tls],
            "auth": [{"use": "hmac", "secret": "hunter2"}],
            "metrics": [{"use": "prometheus"}],
        },
    )
    if words[-1] == "--config":
        words = [*words[:-1], "--check", words[-1]]
    assert ask(*words, path).stdout == [f"{path}: the configuration is good"]


@pytest.mark.parametrize(
    "words", [["-t", "-c", "FILE"], ["--check", "-c", "FILE"], ["-c", "FILE", "-t"]], ids=str
)
def test_a_client(tmp_path, words):
    """-t means bore's --to only if a host follows."""
    path = write(tmp_path, {"client": {"to": "127.0.0.1"}, "tunnels": [{"local_port": 9}]})
    assert ask("local", *[str(path) if word == "FILE" else word for word in words]).stdout == [
        f"{path}: the configuration is good"
    ]
    bad = write(tmp_path, {"client": {"to": "127.0.0.1"}, "tunnels": [{"local_port": 99999}]})
    assert any(
        "/tunnels/0/local_port: expected a port" in line
        for line in ask("local", "-t", "-c", bad, status=1).stderr
    )


SECRETS = {"use": "multi_secret", "secrets": {"alice": "one secret", "bob": "other secret"}}
NO_USE = {"use": "nothing"}
FEW_PORTS = {"alice": {"ports": "80"}}

# Of a server: two mistakes, and where they are. The first one does not hide the second.
PAIRS = [
    ({"server": {"control_port": "x"}, "auth": [NO_USE]}, "/server/control_port", "/auth/0/use"),
    ({"auth": [{**SECRETS, "x": 1}, NO_USE]}, "/auth/0/x", "/auth/1/use"),
    ({"auth": [{**SECRETS, "x": 1, "binding": "y"}]}, "/auth/0/x", "/auth/0/binding"),
    (
        {"public": [{"listen_port": 8443}], "auth": [{**SECRETS, "on_error": "last"}]},
        "/public/0/listen_port",
        "/auth/0/on_error",
    ),
    (
        {
            "auth": [{**SECRETS, "policy": {"bob": {"hosts": ["a b"]}}}],
            "public": [{"listen_port": 8443, "route": [{"use": "sni", "x": 1}]}],
        },
        "/auth/0/policy/bob/hosts/0",
        "/public/0/route/0/x",
    ),
    (
        {"public": [{"ports": "9-x", "acl": [{"use": "cidr", "allow": ["x"]}]}]},
        "/public/0/ports",
        "/public/0/acl/0/allow/0",
    ),
    (
        {"public": [{"ports": "9", "transport": [NO_USE]}, {"ports": "8", "acl": [NO_USE]}]},
        "/public/0/transport/0/use",
        "/public/1/acl/0/use",
    ),
    (
        {"auth": [{**SECRETS, "on_error": "last", "last_good_for": "x"}]},
        "/auth/0/on_error",
        "/auth/0/last_good_for",
    ),
    (
        {"transport": [{"use": "tls", "certfile": "absent", "keyfile": "also-absent"}]},
        "/transport/0/certfile",
        "/transport/0/keyfile",
    ),
    (
        {"transport": [{"use": "tls", "certfile": "absent"}], "events": [{"use": "log"}, NO_USE]},
        "/transport/0/certfile",
        "/events/1/use",
    ),
    (
        {"auth": [{**SECRETS, "secrets_file": "absent", "policy": FEW_PORTS}]},
        "/auth/0/secrets_file",
        "/auth/0/policy/alice/ports",
    ),
    (
        {"auth": [{"use": "htpasswd", "file": "absent", "policy_file": "also-absent"}]},
        "/auth/0/file",
        "/auth/0/policy_file",
    ),
    (
        {"auth": [{"use": "htpasswd", "policy_file": "absent", "file": "x", "policy": FEW_PORTS}]},
        "/auth/0/policy_file",
        "/auth/0/policy/alice",
    ),
    (
        {"auth": [{**SECRETS, "x": 1}], "server": {"usage_file": "/nowhere/use"}},
        "/auth/0/x",
        "/server/usage_file",
    ),
    (
        {"metrics": [{"use": "prometheus", "listen": 5}], "admin": {"socket": "/nowhere/s"}},
        "/metrics/0/listen",
        "/admin/socket",
    ),
    (
        {"auth": [{"use": "http", "url": "x", "headers": {"a b": "c"}}]},
        "/auth/0/url",
        "/auth/0/headers/a b",
    ),
    (
        {
            "auth": [
                {
                    "use": "redis",
                    "host": "h",
                    "tls": True,
                    "cacertfile": "absent",
                    "certfile": "x",
                    "keyfile": "y",
                }
            ]
        },
        "/auth/0/cacertfile",
        "/auth/0/keyfile",
    ),
]


@pytest.mark.parametrize("config,first,second", PAIRS, ids=[pair[2] for pair in PAIRS])
def test_a_mistake_does_not_hide_another(tmp_path, config, first, second):
    said = ask("server", "-t", "-c", write(tmp_path, config), status=1).stderr
    for pointer in (first, second):
        assert any(f"error: {pointer}: " in line for line in said), said


def test_a_wrong_server_does_not_hide_another(tmp_path):
    servers = ["http://x", *(f"s{i}.example.com" for i in range(20)), "a b"]
    local = {"local": "127.0.0.1:80", "local_host": "::1", "local_port": 80}
    config = {"client": {"to": servers}, "tunnels": [local]}
    said = ask("local", "-t", "-c", write(tmp_path, config), status=1).stderr
    for pointer in ("/client/to", "/client/to/0", "/client/to/21", "/tunnels/0/local"):
        assert any(f"error: {pointer}: " in line for line in said), said
    assert any('conflicts with "local_host" and "local_port"' in line for line in said)


def test_all_mistakes_at_once(tmp_path, certificate, authority, address):
    """Mistakes in options of the core, of plugins, and in files that they name, each with its
    line."""
    other = authority.issue(f"IP:{address.host}")
    path = write(
        tmp_path,
        {
            "server": {"control_port": "x", "wrokers": 1},
            "transport": [{"use": "tls", "certfile": certificate.path, "keyfile": other.key}],
            "auth": [{"use": "hmac", "secret": {"file": "absent"}}, {"use": "nothing"}],
            "metrics": [{"use": "prometheus", "listen": 5}],
        },
    )
    process = ask("server", "-t", "-c", path, status=1)
    said = "\n".join(process.stderr)
    for where in (
        "/server/control_port",
        "/server/wrokers",
        "/transport/0/keyfile",
        "/auth/0/secret/file",
        "/auth/1/use",
        "/metrics/0/listen",
    ):
        assert f"error: {where}: " in said, where
    assert process.stdout == [] and said.endswith("6 errors")


def test_beside_a_server(tmp_path, address):
    """A check of a running server's file succeeds although its ports are in use, and disturbs
    nobody."""
    port = address.free_port()
    path = write(
        tmp_path,
        {
            "auth": [{"use": "hmac", "secret": "one"}],
            "metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}],
        },
    )
    with spore_server(address, extra=["--config", str(path)]) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="one") as client:
            for _ in range(3):
                ask("server", "-t", "-c", path, "--control-port", server.control[1])
            assert one_exchange(address.host, client.port) == b"ping"
        assert not any("refused" in line for line in server.process.stderr)


def test_nothing_is_bound(tmp_path, address):
    """The check does not bind free ports either, as strace shows, if it is installed."""
    path = write(
        tmp_path,
        {
            "metrics": [
                {"use": "prometheus", "listen": f"{address.host}:{address.free_port()}"},
                {"use": "statsd", "address": f"{address.host}:9"},
            ],
            "acl": {"control": [{"use": "cidr", "allow": ["10.0.0.0/8"]}]},
        },
    )
    trace = tmp_path / "trace"
    if not shutil.which("strace") or is_sanitized():
        pytest.skip("no strace" if not is_sanitized() else "the leak sanitizer cannot be traced")
    process = run(
        [
            "strace",
            "-f",
            "-o",
            str(trace),
            "-e",
            "trace=bind,listen,connect,sendto,sendmsg,sendmmsg,exit_group",
            spore_binary(),
            "server",
            "--check",
            "-c",
            str(path),
        ],
        timeout=60,
    )
    if any("PTRACE" in line for line in process.stderr):
        pytest.skip("strace may not trace here")
    assert process.status == 0, process.log()
    calls = [line for line in trace.read_text(encoding="utf-8").splitlines() if "(" in line]
    assert any("exit_group(0)" in line for line in calls)
    assert [line for line in calls if "exit_group" not in line] == []


# ---- --print-config


def printed(*words, **options):
    """{pointer: (value, source)}"""
    lines = ask(*words, "--print-config", **options).stdout
    found = {}
    for line in lines:
        pointer, rest = line.split(" = ", 1)
        value, source = rest.rsplit("  # ", 1)
        assert pointer not in found, "each key appears once"
        found[pointer] = (json.loads(value), source)
    return found


def test_who_said_it(tmp_path):
    path = write(
        tmp_path,
        '{\n"server": { "control_port": 7000,\n"min_port": 20000 },\n"max_port": 30000,\n'
        '"secret": "hunter1"\n}',
    )
    found = printed("server", "-c", path, "--min-port", 21000, env={"SPORE_WORKERS": "3"})
    assert found["/server/control_port"] == (7000, f"{path}:2")
    assert found["/server/min_port"] == (21000, "flag --min-port")
    assert found["/server/max_port"] == (30000, f"{path}:4")
    assert found["/server/ports"] == ("21000-30000", "derived")
    assert found["/server/workers"] == (3, "variable SPORE_WORKERS")
    assert found["/server/drain_timeout"] == ("10s", "default")
    assert found["/limits/ban_exempt"] == (["127.0.0.0/8", "::1/128"], "default")
    assert found["/auth/0/use"] == ("hmac", f"{path}:5")
    assert found["/auth/0/secret"] == ("(secret)", f"{path}:5")
    assert found["/auth/0/binding"] == ("off", "default"), "the plugin's own default"
    assert found["/transport/0/use"] == ("plain", "default")


def test_parts_of_a_value_have_its_source(tmp_path):
    path = write(
        tmp_path,
        '{"client": {"to": "h", "control_port": 5},\n"tunnels": [{"local": "127.0.0.1:80"}]}',
    )
    found = printed("local", "-c", path, env={"SPORE_SERVER": "g:7002"})
    assert found["/client/to"] == ("g:7002", "variable SPORE_SERVER")
    assert found["/client/control_port"] == (7002, "variable SPORE_SERVER")
    assert found["/tunnels/0/local_host"] == ("127.0.0.1", f"{path}:2")
    assert found["/tunnels/0/local_port"] == (80, f"{path}:2")
    found = printed("local", "-c", path, "--local-port", 9)
    assert found["/client/control_port"] == (5, f"{path}:1")
    assert found["/tunnels/0/local_port"] == (9, "flag --local-port")
    found = printed("server", env={"RUNTIME_DIRECTORY": "/run/spore"})
    assert found["/admin/socket"] == ("/run/spore/admin.sock", "variable RUNTIME_DIRECTORY")


@pytest.mark.parametrize(
    "words, env, pointer, value, source",
    [
        (
            ["--secret", "hunter1,hunter2"],
            {},
            "/auth/0/secrets/secret2",
            "(secret)",
            "flag --secret",
        ),
        ([], {"BORE_SECRET": "hunter1"}, "/auth/0/secret", "(secret)", "variable BORE_SECRET"),
        (
            ["--allow", "10.0.0.0/8,::1"],
            {},
            "/acl/control/0/allow",
            ["10.0.0.0/8", "::1/128"],
            "flag --allow",
        ),
        (["--metrics-port", "9000"], {}, "/metrics/0/port", 9000, "flag --metrics-port"),
        ([], {"SPORE_LOG_LEVEL": "warn"}, "/log/level", "warn", "variable SPORE_LOG_LEVEL"),
    ],
    ids=["secrets", "bore", "allow", "metrics", "variable"],
)
def test_shorthands_are_named(words, env, pointer, value, source):
    found = printed("server", *words, env=env)
    assert found[pointer] == (value, source)


def test_tls_by_flags(certificate):
    found = printed("server", "--tls", "--certfile", certificate.path, "--keyfile", certificate.key)
    assert found["/transport/0/use"] == ("tls", "flag --tls")
    assert found["/transport/0/keyfile"] == (str(certificate.key), "flag --keyfile")
    assert found["/transport/0/min_version"] == ("1.2", "default")


def test_maps_and_lists_of_objects(tmp_path):
    path = write(
        tmp_path,
        {
            "auth": [
                {
                    "use": "multi_secret",
                    "secrets": {"alice": "hunter1", "bob": {"env": "BOBS"}},
                    "policy": {"alice": {"max_tunnels": 2}},
                }
            ]
        },
    )
    found = printed("server", "-c", path, env={"BOBS": "hunter2"})
    assert found["/auth/0/secrets/bob"][0] == "(secret)"
    assert found["/auth/0/policy/alice/max_tunnels"][0] == 2
    client = write(
        tmp_path,
        {
            "client": {"to": "h"},
            "tunnels": [{"local": "127.0.0.1:80"}, {"local_port": 81, "port": 2000}],
        },
        "client.json",
    )
    found = printed("local", "-c", client)
    assert found["/tunnels/0/local_port"][0] == 80
    assert found["/tunnels/1/port"][0] == 2000
    assert found["/client/to"][0] == "h"


def test_a_policy_shows_what_it_inherits(tmp_path):
    """With the line of the policy of all names. What nobody says has its default."""
    path = write(
        tmp_path,
        """{"auth": [{"use": "multi_secret",
"secrets": {"alice": "hunter1", "bob": "hunter2"},
"policy": {
"alice": {"max_tunnels": 2},
"*": {"max_tunnels": 5,
"max_conns": 500, "ports": "20000-20099"},
"bob": {}}}]}""",
    )
    found = printed("server", "-c", path)
    assert found["/auth/0/policy/alice/max_tunnels"] == (2, f"{path}:4")
    assert found["/auth/0/policy/alice/max_conns"] == (500, f"{path}:6")
    assert found["/auth/0/policy/alice/ports"] == ("20000-20099", f"{path}:6")
    assert found["/auth/0/policy/bob/max_tunnels"] == (5, f"{path}:5")
    assert found["/auth/0/policy/alice/life"] == (None, "default")
    assert found["/auth/0/policy/*/max_tunnels"] == (5, f"{path}:5")


def test_a_mistake_in_the_policy_of_all_names_is_reported_once(tmp_path):
    policy = {"*": {"max_tunnels": 0}, "alice": {}, "bob": {}}
    auth = {"use": "multi_secret", "secrets": {"alice": "hunter1"}, "policy": policy}
    process = ask("server", "-t", "-c", write(tmp_path, {"auth": [auth]}), status=1)
    errors = [line for line in process.stderr if "error:" in line]
    assert len(errors) == 1 and "/auth/0/policy/*/max_tunnels: expected" in errors[0], errors


@pytest.mark.parametrize("sort", ["text", "file", "variable", "flag", "list", "names"])
def test_no_secret_is_printed(tmp_path, sort):
    (tmp_path / "key").write_text("hunter2\n", encoding="utf-8")
    (tmp_path / "names").write_text("alice:hunter2\n", encoding="utf-8")
    path = write(
        tmp_path,
        {
            "text": {"auth": [{"use": "hmac", "secret": "hunter2"}]},
            "file": {"auth": [{"use": "hmac", "secret": {"file": "key"}}]},
            "variable": {"auth": [{"use": "hmac", "secret": {"env": "KEY"}}]},
            "names": {"auth": [{"use": "multi_secret", "secrets_file": "names"}]},
        }.get(sort, {}),
    )
    flags = {"flag": ["--secret", "hunter2"], "list": ["--secret", "hunter2,hunter3"]}.get(sort, [])
    process = ask("server", "-c", path, "--print-config", *flags, env={"KEY": "hunter2"})
    assert any(line.startswith("/auth/0/") for line in process.stdout)
    assert "hunter" not in "\n".join(process.stdout + process.stderr)


def test_a_wrong_configuration_is_not_printed(tmp_path):
    process = ask(
        "server", "--print-config", "-c", write(tmp_path, {"server": {"min_port": "x"}}), status=1
    )
    assert process.stdout == [] and "/server/min_port: expected a port" in process.stderr[0]


def test_an_answer_that_cannot_be_written():
    process = run(["/bin/sh", "-c", f"exec {spore_binary()} server --print-config >/dev/full"])
    assert process.status == 1
    assert "error: cannot write to standard output" in process.stderr


@pytest.mark.parametrize(
    "socket, expected",
    [
        ("none/admin.sock", "expected a path in a folder that exists and that this user may write"),
        ("file/admin.sock", "Not a directory"),
        ("file", "expected a socket or nothing at DIR/file, found another file"),
        ("x" * 120, "expected a path of at most 107 bytes, the limit for unix sockets, found "),
        ("admin.sock", None),
        ("", None),
    ],
    ids=["no folder", "a file as folder", "a file", "long", "good", "none"],
)
def test_the_admin_socket(tmp_path, socket, expected):
    """What can be checked without binding it, and nothing is left behind."""
    (tmp_path / "file").touch()
    path = write(tmp_path, {"server": {"workers": 0}, "admin": {"socket": socket}})
    checked = ask("server", "--check", "--config", path, status=1 if expected else 0)
    said = "\n".join(checked.stderr).replace(str(tmp_path), "DIR")
    assert ("error: /admin/socket: " in said) == bool(expected)
    assert (expected or "no authentication") in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "server.json"]


def test_an_admin_socket_in_a_folder_that_may_not_be_written(tmp_path):
    """Other mistakes are named, too."""
    (tmp_path / "theirs").mkdir(mode=0o555)
    words = ["--check", "--admin-socket", tmp_path / "theirs" / "admin.sock", "--workers", "999"]
    checked = ask("server", *words, status=1, drop_capabilities=["dac_override"])
    said = "\n".join(checked.stderr)
    assert "--admin-socket: error: expected a path in a folder" in said
    assert "--workers: error: " in said


def test_the_admin_socket_of_a_server_that_runs(address, tmp_path):
    """A server that drains may hand it over, so it is no mistake. The check does not disturb it."""
    socket = tmp_path / "admin.sock"
    with spore_server(address, extra=["--admin-socket", str(socket)]) as server:
        ask("server", "--check", "--admin-socket", socket)
        assert ask("ctl", "status", "--socket", socket).stdout
        assert server.process.running


@pytest.mark.parametrize("role", ["server", "local"])
def test_a_buffer_that_the_kernel_caps(tmp_path, role):
    """The option that is too large is named, and not a flag that nobody gave."""
    config = {
        "server": {"server": {"sndbuf": 1, "recbuf": "1g"}},
        "local": {
            "client": {"to": "h", "sndbuf": 1, "recbuf": "1g"},
            "tunnels": [{"local_port": 1}],
        },
    }[role]
    section = {"server": "server", "local": "client"}[role]
    path = write(tmp_path, config)
    said = ask(role, "--check", "--config", path).log()
    assert re.search(
        f"kernel capped a socket buffer option=/{section}/recbuf source={path} line=\\d+ asked=",
        said,
    )
    assert "flag=" not in said


GRANTS = {
    "multi_secret": {"secrets": {"alice": "hunter1"}, "policy": {"alice": {"ports": "PORTS"}}},
    "htpasswd": {"file": "users", "policy": {"*": {"ports": "PORTS"}}},
    "htpasswd with a file": {"file": "users", "policy_file": "policy.json"},
    "mtls": {"clients": {"alice": {"san": "alice", "ports": "PORTS"}}},
}


@pytest.mark.parametrize("kind", GRANTS)
def test_ports_of_a_grant(tmp_path, certificate, authority, kind):
    """Ports that are partly the server's are granted in part: most of them would be a surprise."""
    (tmp_path / "users").write_text(htpasswd("alice", "hunter1"))
    transport = [
        {
            "use": "tls",
            "certfile": certificate.path,
            "keyfile": certificate.key,
            "cacertfile": authority.path,
        }
    ]
    for ports, warns, status in (
        ("20990-30000", True, 0),
        ("20000-20099,30000-30009", False, 0),
        ("1-65535", False, 0),
        ("30000-30009", False, 1),
    ):
        write(tmp_path, {"alice": {"ports": ports}}, "policy.json")
        auth = json.loads(json.dumps(GRANTS[kind]).replace("PORTS", ports))
        config = {
            "server": {"ports": "20000-21000"},
            "transport": transport,
            "auth": [{"use": kind.split()[0], **auth}],
        }
        said = ask("server", "--check", "--config", write(tmp_path, config), status=status).log()
        assert ("the server does not have most of these ports" in said) == warns, said
        assert ("expected at least one of the server's public ports" in said) == bool(status)


def test_reserved_ports_beside_the_public_ones(tmp_path):
    config = {"server": {"ports": "20000-21000", "reserved_ports": [20022, "22,80-443"]}}
    said = ask("server", "--check", "--config", write(tmp_path, config)).log()
    assert said.count("no tunnel would get this port anyway") == 1
    assert "option=/server/reserved_ports/1" in said
