"""auth_multi_secret: names of clients, the policy of each name, and errors in lists of secrets."""

import json
import pathlib
import re
import time

import pytest

from harness.loopback import port_is_free
from harness.peers import configured_server, spore_binary, spore_client, spore_server
from harness.process import run
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire, answer

SECRETS = {"alice": "a-secret", "bob": "b-secret", "ci": "c-secret"}


def multi_secret(secrets=None, **options):
    return [{"use": "multi_secret", "secrets": SECRETS if secrets is None else secrets, **options}]


@pytest.fixture
def serve(address, tmp_path):
    """Starts a server with this auth chain; keywords as for harness.peers.configured_server."""
    return lambda auth, **options: configured_server(address, tmp_path, auth=auth, **options)


def refusal(server, secret, port=0):
    """The error text of a refused tunnel."""
    with Wire.connect(server.control) as wire:
        wire.authenticate(secret)
        wire.send({"Hello": port})
        message = wire.receive_but_heartbeats()
    assert list(message) == ["Error"], message
    return message["Error"]


# Secrets and names


def test_each_secret_has_its_name(serve):
    with serve(multi_secret()) as server:
        for name, secret in SECRETS.items():
            with Tunnel(server, secret=secret) as tunnel:
                server.process.wait_for(rf"new client .*port={tunnel.port} identity={name} ")
                visitor, far = tunnel.join()
                with visitor, far:
                    visitor.sendall(b"ping")
                    assert read_exactly(far, 4) == b"ping"


def named_refusal(server, text):
    """The error text of a tunnel whose answer is `text`, with the tag of a-secret for TAG."""
    with Wire.connect(server.control) as wire:
        tag = answer("a-secret", wire.receive()["Challenge"])
        wire.send({"Authenticate": text.replace("TAG", tag)}, {"Hello": 0})
        message = wire.receive_but_heartbeats()
    return message.get("Error")


def hmac(**options):
    return [{"use": "hmac", "secret": "a-secret", **options}]


def named_client(server, folder, service, name, **options):
    path = folder / "client.json"
    path.write_text(json.dumps({"auth": hmac(identity=name)}), encoding="utf-8")
    return spore_client(server.control, service.port, extra=["--config", str(path)], **options)


def test_an_answer_with_a_name_is_compared_with_one_secret(serve):
    with serve(multi_secret()) as server:
        assert named_refusal(server, "alice:TAG") is None
        for wrong in (
            "bob:TAG",
            "carol:TAG",
            "alic:TAG",
            ":TAG",
            "al%69ce:TAG",
            "alice:",
            "alice:x",
        ):
            assert named_refusal(server, wrong) == "invalid secret", wrong


def test_a_spore_client_sends_its_name(serve, tmp_path):
    with Echo() as service, serve(multi_secret()) as server:
        with named_client(server, tmp_path, service, "alice") as client:
            server.process.wait_for("new client .*identity=alice ")
            assert one_exchange(client.host, client.port) == b"ping"
        with named_client(server, tmp_path, service, "bob", listening=False) as client:
            client.process.wait_for("invalid secret")
            client.process_was_ended = True


def test_one_secret_with_a_name(serve, tmp_path):
    """The server gives the name to every client, bore's included, and denies other names."""
    with Echo() as service, serve(hmac(identity="the team")) as server:
        with Tunnel(server, secret="a-secret"):
            server.process.wait_for('new client .*identity="the team" ')
        with named_client(server, tmp_path, service, "the team") as client:
            server.process.wait_for('new client .*identity="the team" ', times=2)
            assert one_exchange(client.host, client.port) == b"ping"
        assert named_refusal(server, "team:TAG") == "invalid secret"


@pytest.mark.parametrize(
    "name, fault",
    [
        ("", "expected a name, found an empty text"),
        ("a\tb", "expected a name without control characters"),
        ("n" * 168, "too long: percent-encoded, a name may have 167 bytes"),
        ("ä" * 28, "too long: percent-encoded, a name may have 167 bytes"),
    ],
)
def test_names_that_do_not_fit(refused, name, fault):
    instance = {"use": "hmac", "secret": "a-secret", "identity": name}
    assert refused(instance) == [("/identity", fault)]


@pytest.mark.parametrize("secret", ["", "a-secre", "a-secret ", "A-SECRET", "a-secret,b-secret"])
def test_other_secrets_do_not(serve, secret):
    with serve(multi_secret()) as server:
        assert refusal(server, secret) == "invalid secret"


def test_refused_answers_have_lines(serve):
    """Also without a name, at a limited rate; the client learns only that its secret is wrong."""
    limits = {"ban_after": 0, "secret_rate": 1000000}
    auth = [{"use": "hmac", "secret": "x-secret"}, *multi_secret()]
    with serve(auth, limits=limits) as server:
        for _ in range(25):
            assert refusal(server, "wrong") == "invalid secret"
        for said in [
            "an answer without a name does not fit the secret plugin=hmac",
            "an answer without a name fits none of the secrets plugin=multi_secret",
        ]:
            server.process.wait_for(said)
            assert 10 <= len([line for line in server.process.stderr if said in line]) < 20
        assert named_refusal(server, "eve:TAG") == "invalid secret"


def test_secrets_of_every_kind(address, tmp_path, serve, monkeypatch):
    """Secrets from a file, a variable and the configuration, some with special characters."""
    (tmp_path / "alice.key").write_text("from a file\n")
    monkeypatch.setenv("CI_SECRET", "from a variable")
    (tmp_path / "more").write_bytes(
        b"# all of them\r\n\n  \t\n  # another\ndan: with:colons #and blanks "
        b"\neve:crlf\r\nlast:no end"
    )
    secrets = {"alice": {"file": "alice.key"}, "ci": {"env": "CI_SECRET"}, "bob": "in,place"}
    with serve(multi_secret(secrets, secrets_file="more")) as server:
        for name, secret in {
            "alice": "from a file",
            "ci": "from a variable",
            "bob": "in,place",
            "dan": " with:colons #and blanks ",
            "eve": "crlf",
            "last": "no end",
        }.items():
            with Tunnel(server, secret=secret) as tunnel:
                server.process.wait_for(rf"new client .*port={tunnel.port} identity={name} ")


def test_upper_case_tags_and_no_tags(serve):
    with serve(multi_secret()) as server:
        with Wire.connect(server.control) as wire:
            wire.send({"Authenticate": answer("b-secret", wire.receive()["Challenge"]).upper()})
            assert wire.hello() >= 1024
        for tag in ("", "0" * 64, "g" * 64, "0" * 200):
            with Wire.connect(server.control) as wire:
                wire.receive()
                wire.send({"Authenticate": tag}, {"Hello": 0})
                wire.expect_error("invalid secret")


@pytest.mark.parametrize("first", [0, 1])
def test_beside_another_instance(serve, first):
    """If the secret is not on the list, the next instance decides."""
    chain = [*multi_secret(), {"use": "hmac", "secret": "alone"}]
    if first:
        chain.reverse()
    with serve(chain) as server:
        for secret in ("alone", "c-secret"):
            with Tunnel(server, secret=secret) as tunnel:
                visitor, far = tunnel.join()
                with visitor, far:
                    far.sendall(b"pong")
                    assert read_exactly(visitor, 4) == b"pong"
        assert refusal(server, "another") == "invalid secret"


def test_a_thousand_secrets(serve, tmp_path):
    (tmp_path / "many").write_text("".join(f"user{i}:secret of {i}\n" for i in range(1000)))
    with serve(multi_secret({}, secrets_file="many")) as server:
        for i in (0, 1, 500, 998, 999):
            with Tunnel(server, secret=f"secret of {i}") as tunnel:
                server.process.wait_for(rf"new client .*port={tunnel.port} identity=user{i} ")
                visitor, far = tunnel.join()
                visitor.close()
                far.close()
        assert refusal(server, "secret of 1000") == "invalid secret"


# A list with commas on a server


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_list_is_split(address, by):
    given = (
        {"secret": "one,two,three"} if by == "flag" else {"env": {"SPORE_SECRET": "one,two,three"}}
    )
    with spore_server(address, **given) as server:
        for index, secret in enumerate(("one", "two", "three"), 1):
            with Tunnel(server, secret=secret) as tunnel:
                server.process.wait_for(rf"new client .*port={tunnel.port} identity=secret{index} ")
        for secret in ("one,two,three", "one,", "four"):
            assert refusal(server, secret) == "invalid secret"
        said = [
            line
            for line in server.process.stderr
            if "the secret was split at commas secrets=3" in line
        ]
        assert len(said) == 1
        assert b"two" not in pathlib.Path(f"/proc/{server.pid}/cmdline").read_bytes()


@pytest.mark.parametrize(
    "secret, text",
    [
        ("one,", "expected a secret, found an empty string"),
        (",one", "expected a secret, found an empty string"),
        ("one,two,one", 'expected a unique secret, found that of "secret1"'),
    ],
)
def test_invalid_lists(secret, text):
    process = run([spore_binary(), "server", "--secret", secret])
    assert process.status != 0
    assert any(f"--secret: error: {text}" in line for line in process.stderr), process.log()


def test_one_secret_is_used_without_a_list(address):
    with spore_server(address, secret="one") as server, Tunnel(server) as tunnel:
        server.process.wait_for(rf'new client .*port={tunnel.port} identity="" ')


def test_a_client_takes_a_comma_literally(address, tmp_path):
    """A client does not split its secret, like bore's client. The test configures the server."""
    (tmp_path / "spore.json").write_text(json.dumps({"secret": "one,two"}))
    with spore_server(
        address, extra=["--config", str(tmp_path / "spore.json")]
    ) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="one,two") as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
        assert refusal(server, "one") == "invalid secret"


def test_precedence_of_lists(address, tmp_path):
    """A flag overrides a variable, and a variable overrides a file, also if one is a list."""
    (tmp_path / "spore.json").write_text(json.dumps({"secret": "file"}))
    for flag, variable, right, wrong in (
        ("a,b", None, "b", "file"),
        (None, "a,b", "a", "file"),
        ("a,b", "variable", "b", "variable"),
        ("flag", "a,b", "flag", "a"),
    ):
        env = {"SPORE_SECRET": variable} if variable else {}
        with spore_server(
            address, secret=flag, env=env, extra=["--config", str(tmp_path / "spore.json")]
        ) as server:
            with Tunnel(server, secret=right):
                pass
            assert refusal(server, wrong) == "invalid secret"


# The policy of a name


def test_ports_of_a_name(serve, address):
    mine, other = address.free_port(), address.free_port()
    policy = {"alice": {"ports": f"{mine}"}, "bob": {"ports": f"{other}"}}
    with serve(multi_secret(policy=policy)) as server:
        assert refusal(server, "a-secret", other) == "client port number not in allowed range"
        assert refusal(server, "b-secret", mine) == "client port number not in allowed range"
        server.process.wait_for(
            rf"not in allowed range\" port={other} identity=alice .* range={mine} "
            r'from="ports of the identity" plugin=multi_secret'
        )
        with Tunnel(server, secret="a-secret") as tunnel, Tunnel(
            server, other, secret="b-secret"
        ) as second:
            assert (tunnel.port, second.port) == (mine, other)
        wait_until(lambda: port_is_free(server.public_host, mine), "the public port to close")
        with Tunnel(server, mine, secret="c-secret") as tunnel:
            assert tunnel.port == mine, "ci has no policy: all ports of the server"


def test_tunnels_of_a_name(serve):
    with serve(multi_secret(policy={"alice": {"max_tunnels": 2}}), server={"workers": 4}) as server:
        with Tunnel(server, secret="a-secret"), Tunnel(server, secret="a-secret"):
            for _ in range(4):
                assert refusal(server, "a-secret") == "too many tunnels"
            server.process.wait_for(
                r'"too many tunnels" port=0 identity=alice .* limit=2 '
                r'from="max_tunnels of the identity" plugin=multi_secret'
            )
            with Tunnel(server, secret="b-secret"), Tunnel(server, secret="b-secret"), Tunnel(
                server, secret="b-secret"
            ):
                pass


def test_visitors_of_a_name(serve):
    with serve(multi_secret(policy={"alice": {"max_conns": 2}}), server={"workers": 4}) as server:
        with Tunnel(server, secret="a-secret") as one, Tunnel(server, secret="a-secret") as two:
            pairs = [one.join(), two.join()]
            for tunnel in (one, two):
                with tunnel.visit() as visitor:
                    assert how_it_ends(visitor)[0] == b""
            for sock in pairs[0]:
                sock.close()
            wait_until(lambda: can_visit(two), "room for another")
            for sock in pairs[1]:
                sock.close()


def can_visit(tunnel):
    """Whether a visitor is announced to the client."""
    with tunnel.visit() as visitor:
        visitor.settimeout(0.05)
        try:
            assert visitor.recv(1) == b""
        except TimeoutError:
            tunnel.accept(tunnel.wire.connection()).close()
            return True
        except ConnectionResetError:
            pass
        return False


def test_life_of_a_name(serve):
    with serve(multi_secret(policy={"alice": {"life": "500ms"}})) as server:
        begun = time.monotonic()
        with Tunnel(server, secret="a-secret") as tunnel, Tunnel(
            server, secret="b-secret"
        ) as other:
            tunnel.wire.expect_error("the tunnel's time is over")
            assert 0.4 < time.monotonic() - begun < 0.5 + seconds(2)
            wait_until(
                lambda: port_is_free(server.public_host, tunnel.port), "the public port to close"
            )
            assert other.wire.receive() == "Heartbeat"


def test_the_policy_of_all_names_fills_in(serve, address):
    own, common = address.free_port(), address.free_port()
    policy = {"*": {"ports": f"{common}", "max_tunnels": 1}, "alice": {"ports": f"{own}"}}
    with serve(multi_secret(policy=policy)) as server:
        with Tunnel(server, secret="a-secret") as alice, Tunnel(server, secret="b-secret") as bob:
            assert (alice.port, bob.port) == (own, common)
            assert refusal(server, "a-secret") == "too many tunnels"
            assert refusal(server, "c-secret", own) == "client port number not in allowed range"
            assert refusal(server, "c-secret") == "failed to find an available port"


# The owner of a visitor


def test_the_owners_tunnels_share_their_visitors(serve):
    with serve(multi_secret()) as server:
        with Tunnel(server, secret="a-secret") as one, Tunnel(
            server, secret="a-secret"
        ) as two, one.visit() as visitor:
            far = two.accept(one.wire.connection(), b"mine")
            with far:
                assert read_exactly(visitor, 4) == b"mine"


@pytest.mark.parametrize("pause", [0, 0.6], ids=["at once", "judged before Accept"])
def test_another_ones_visitor_is_out_of_reach(serve, pause):
    with serve(multi_secret()) as server:
        with Tunnel(server, secret="a-secret") as alice, alice.visit() as visitor:
            identity = alice.wire.connection()
            with Wire.connect(server.control) as thief:
                thief.authenticate("b-secret")
                time.sleep(seconds(pause))
                thief.send({"Accept": identity})
                if pause:
                    thief.expect_end()
                else:
                    thief.expect_error("invalid secret")
            with alice.accept(identity, b"for alice") as _:
                assert read_exactly(visitor, 9) == b"for alice"


# Errors in a list of secrets


@pytest.fixture
def refused(tmp_path):
    """A function from an auth instance to the errors of the refused start: [(place, text)]."""

    def errors(instance):
        config = tmp_path / "spore.json"
        config.write_text(json.dumps({"auth": [{"use": "multi_secret", **instance}]}))
        process = run([spore_binary(), "server", "--config", config])
        assert process.status == 1, process.log()
        assert not any("hunter2" in line for line in process.lines), "a secret is shown"
        found = [
            re.search(r"spore\.json:1:\d+: error: /auth/0(.*?): (.*)", line)
            for line in process.stderr
        ]
        return [match.groups() for match in found if match]

    return errors


@pytest.mark.parametrize("instance", [{}, {"secrets": {}}, {"secrets": {}, "policy": {"*": {}}}])
def test_without_a_secret(refused, instance):
    assert refused(instance) == [
        ("", 'expected at least one secret, in "secrets" or in "secrets_file"')
    ]


NO_NAME = "expected a name of 1 to 64 letters, digits or any of . _ @ + -"


@pytest.mark.parametrize("name", ["", " ", "*", "a b", "a:b", "a/b", "\u00e4", "tab\t", "x" * 65])
def test_invalid_names(refused, name):
    shown = name.replace("/", "~1").replace("\t", "?")  # control characters are replaced
    assert refused({"secrets": {name: "hunter2"}}) == [("/secrets/" + shown, NO_NAME)]


@pytest.mark.parametrize(
    "secret", ["", 5, None, ["hunter2"], {"file": "absent"}, {"env": "SPORE_ABSENT"}, {}]
)
def test_invalid_secrets(refused, secret):
    ((place, _),) = refused({"secrets": {"alice": "hunter2", "bob": secret}})
    assert place.startswith("/secrets/bob")


def test_one_secret_of_two_names(refused, tmp_path):
    (tmp_path / "more").write_text("carol:hunter21\n\ndan:hunter23\neve:hunter23\n")
    errors = refused(
        {
            "secrets": {"alice": "hunter21", "bob": "hunter22", "bert": "hunter22"},
            "secrets_file": "more",
        }
    )
    more = f"{tmp_path}/more"
    assert sorted(errors) == [
        ("/secrets/bert", 'expected a unique secret, found that of "bob" (/secrets/bob)'),
        (
            "/secrets_file",
            f'{more}:1:1: expected a unique secret, found that of "alice" (/secrets/alice)',
        ),
        (
            "/secrets_file",
            f'{more}:4:1: expected a unique secret, found that of "dan" (line 3)',
        ),
    ]


def test_one_name_of_two_secrets(refused, tmp_path):
    (tmp_path / "more").write_text("alice:hunter22\nbob:hunter23\nbob:hunter24\n")
    errors = refused({"secrets": {"alice": "hunter21"}, "secrets_file": "more"})
    more = f"{tmp_path}/more"
    assert sorted(errors) == [
        (
            "/secrets_file",
            f'{more}:1:1: expected a unique name, found that of "alice" (/secrets/alice)',
        ),
        ("/secrets_file", f'{more}:3:1: expected a unique name, found that of "bob" (line 2)'),
    ]


@pytest.mark.parametrize(
    "line, column, text",
    [
        (b"alice", 6, "expected NAME:SECRET, found no colon"),
        (b":hunter2", 1, "expected a name before the colon, found none"),
        (b"alice:", 7, "expected a secret after the colon, found none"),
        (b"alice:\r", 7, "expected a secret after the colon, found none"),
        (b"alice:hun\0ter2", 10, "expected text, found a zero byte"),
        (b" alice:hunter2", 1, NO_NAME),
        (b"alice :hunter2", 1, NO_NAME),
        (b"\xef\xbb\xbfalice:hunter2", 1, NO_NAME),
        (b"x" * 65 + b":hunter2", 1, NO_NAME),
    ],
    ids=range(9),  # the path of tmp_path contains the id, which must not contain the secret
)
def test_invalid_lines(refused, tmp_path, line, column, text):
    """Each error has its place, and the lines after it are checked too."""
    (tmp_path / "more").write_bytes(b"# first\n" + line + b"\nbob:hunter2\n" + line + b"\n")
    errors = refused({"secrets_file": "more"})
    assert errors[0] == ("/secrets_file", f"{tmp_path}/more:2:{column}: {text}")
    assert errors[1][1].startswith(f"{tmp_path}/more:4:")


def test_a_file_of_nonsense_is_not_listed_in_full(refused, tmp_path):
    (tmp_path / "more").write_text("nonsense\n" * 1000)
    assert len(refused({"secrets_file": "more"})) == 10


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read(refused, name, tmp_path):
    ((place, text),) = refused({"secrets_file": name})
    assert place == "/secrets_file"
    assert text.startswith(f"cannot read {tmp_path}/{name}: ")


def test_a_file_that_is_too_large(refused, tmp_path):
    (tmp_path / "more").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    assert "at most 4096 KiB" in refused({"secrets_file": "more"})[0][1]


def test_too_many_secrets(refused, tmp_path):
    (tmp_path / "more").write_text("".join(f"u{i}:{i}\n" for i in range(10001)))
    assert "expected at most 10000 secrets" in refused({"secrets_file": "more"})[0][1]


@pytest.mark.parametrize(
    "policy, place",
    [
        ({"alice": []}, "/policy/alice"),
        ({"alice": {"ports": "0-5"}}, "/policy/alice/ports"),
        ({"alice": {"max_tunnels": 0}}, "/policy/alice/max_tunnels"),
        ({"alice": {"max_conns": "many"}}, "/policy/alice/max_conns"),
        ({"*": {"life": -1}}, "/policy/*/life"),
        ({"alice": {"max_tunnel": 1}}, "/policy/alice/max_tunnel"),
    ],
)
def test_invalid_policies(refused, policy, place):
    ((found, _),) = refused({"secrets": {"alice": "hunter2"}, "policy": policy})
    assert found == place


def test_a_client_has_one_secret(tmp_path):
    config = tmp_path / "client.json"
    config.write_text(
        json.dumps(
            {
                "client": {"to": "127.0.0.1"},
                "tunnels": [{"local": "127.0.0.1:1"}],
                "auth": multi_secret({"alice": "a"}),
            }
        )
    )
    process = run([spore_binary(), "local", "--config", config])
    assert process.status == 1
    assert any(
        "plugin multi_secret has no client side" in line for line in process.stderr
    ), process.log()


def test_no_secret_is_ever_logged(serve):
    with serve(multi_secret(), log={"level": "trace"}) as server:
        with Tunnel(server, secret="a-secret") as tunnel:
            for sock in tunnel.join():
                sock.close()
        refusal(server, "wrong-secret")
    assert not [line for line in server.process.lines if "-secret" in line]
