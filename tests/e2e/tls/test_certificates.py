"""Valid and invalid certificates: which side refuses, and its message."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest

from harness import peers
from harness.loopback import Loopback, port_is_free
from harness.metrics import Exporter
from harness.process import run
from harness.services import Echo
from harness.tls import dial, s_client
from harness.tls.certificates import Authority, openssl
from harness.visitors import one_exchange
from harness.waiting import wait_until


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), name="Stranger")


@pytest.fixture
def serve(configured_server):
    """Starts a TLS server with this certificate."""

    def start(certificate, **options):
        return configured_server(
            config={
                "transport": [
                    {
                        "use": "tls",
                        "certfile": certificate.path,
                        "keyfile": certificate.key,
                        **options,
                    }
                ]
            }
        )

    return start


@pytest.fixture
def fate(tmp_path):
    """Runs a client that must not get a tunnel to its end; returns its log."""

    def start(server, *flags, **options):
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"transport": [{"use": "tls", **options}]}), encoding="utf-8")
        extra = ["--config", str(path), *flags]
        with peers.spore_client(server.control, 9, extra=extra, listening=False) as client:
            assert client.wait() == 1
        assert client.process.stdout == []
        return "\n".join(client.process.stderr)

    return start


@pytest.fixture
def works(tmp_path):
    """Runs a client whose tunnel must work; returns its log."""

    def start(server, **options):
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"transport": [{"use": "tls", **options}]}), encoding="utf-8")
        with Echo() as service:
            with peers.spore_client(
                server.control, service.port, extra=["--config", str(path)]
            ) as client:
                assert one_exchange(server.public_host, client.port) == b"ping"
        return "\n".join(client.process.stderr)

    return start


# What is accepted


@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_kinds_of_keys(serve, works, authority, address, key):
    with serve(authority.issue(f"IP:{address.host}", key=key)) as server:
        works(server, cacertfile=authority.path)


def test_a_chain(serve, works, fate, authority, address, tmp_path):
    between = Authority(tmp_path / "between", name="Between", parent=authority)
    with serve(between.issue(f"IP:{address.host}")) as server:
        works(server, cacertfile=authority.path)


@pytest.fixture
def between(authority, tmp_path):
    """An intermediate authority."""
    return Authority(tmp_path / "between", name="Between", parent=authority)


def test_an_intermediate_authority_is_trusted_alone(serve, works, between, address):
    """As in curl, Go and GnuTLS: its root need not be in the file."""
    with serve(between.issue(f"IP:{address.host}", chain=False)) as server:
        works(server, cacertfile=between.path)


def test_a_certificate_is_trusted_itself(serve, works, fate, authority, address):
    """And no other one of its authority, nor for another name, nor after its end."""
    own, other = (authority.issue(f"IP:{address.host}") for _ in range(2))
    elsewhere = authority.issue("DNS:elsewhere.example")
    expired = authority.issue(f"IP:{address.host}", end="20240131120000Z")
    with serve(own) as server:
        works(server, cacertfile=own.path)
        assert "issued by an unknown authority" in fate(server, cacertfile=other.path)
    with serve(elsewhere) as server:
        assert "is not among its names elsewhere" in fate(server, cacertfile=elsewhere.path)
    with serve(expired) as server:
        assert "certificate expired on" in fate(server, cacertfile=expired.path)


def test_a_trusted_certificate_is_no_authority(serve, fate, authority, address, tmp_path):
    """It cannot issue others, although it is in cacertfile."""
    leaf = authority.issue(f"IP:{address.host}")
    forger = Authority(tmp_path / "forger", name="Forger")
    forger.path, forger.key = leaf.path, leaf.key
    with serve(forger.issue(f"IP:{address.host}")) as server:
        fate(server, cacertfile=leaf.path)


def test_a_chain_with_a_gap(serve, fate, authority, address, tmp_path):
    between = Authority(tmp_path / "between", name="Between", parent=authority)
    with serve(between.issue(f"IP:{address.host}", chain=False)) as server:
        said = fate(server, cacertfile=authority.path)
        assert "issued by an unknown authority, CN=Between" in said
        assert "(or the server has failed to send an intermediate certificate)" in said


def test_flaws_of_a_servers_certificate_are_told(serve, authority, address, tmp_path):
    name = f"IP:{address.host}"
    other = Authority(tmp_path / "other", name="Other")
    mixed = authority.issue(name)
    with open(mixed.path, "a", encoding="utf-8") as file:
        file.write(pathlib.Path(other.path).read_text(encoding="utf-8"))
    flaws = {
        "has no subjectAltName": authority.issue(),
        "extendedKeyUsage lacks serverAuth": authority.issue(name, usage="clientAuth"),
        "is not issued by the next one in this file": mixed,
    }
    for flaw, certificate in flaws.items():
        with serve(certificate) as server:
            told = [line for line in server.process.lines if " the certificate in " in line]
            assert [line for line in told if flaw in line] == told != []
    between = Authority(tmp_path / "between", name="Between", parent=authority)
    with serve(between.issue(name)) as server:
        assert not [line for line in server.process.lines if " the certificate in " in line]


@pytest.mark.parametrize(
    "names, server_name",
    [
        (["DNS:tunnel.example"], "tunnel.example"),
        (["DNS:tunnel.example"], "tunnel.example."),
        (["DNS:*.tunnel.example"], "a.tunnel.example"),
        (["DNS:other.example", "DNS:tunnel.example"], "Tunnel.Example"),
        (["IP:192.0.2.7"], "192.0.2.7"),
        (["IP:2001:db8::7"], "2001:db8::7"),
    ],
)
def test_names(serve, works, authority, names, server_name):
    with serve(authority.issue(*names)) as server:
        works(server, cacertfile=authority.path, server_name=server_name)


def test_the_systems_store(serve, authority, certificate):
    """A variable of OpenSSL sets the path of the store."""
    with serve(certificate) as server, Echo() as service:
        with peers.spore_client(
            server.control, service.port, extra=["--tls"], env={"SSL_CERT_FILE": authority.path}
        ) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"


def test_cacertfile_replaces_the_systems_store(
    serve, fate, authority, stranger, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", authority.path)
    with serve(certificate) as server:
        said = fate(server, cacertfile=stranger.path)
    assert "by an unknown authority, CN=Test Authority: cacertfile does not contain the" in said


# Refused certificates: (names, other options of the certificate, the client's message)

BAD = {
    "expired": (
        ["IP:{host}"],
        {"end": "20240131120000Z"},
        "the server's certificate expired on 2024-01-31 12:00:00 UTC (CN=test)",
    ),
    "not yet valid": (
        ["IP:{host}"],
        {"start": "20980131120000Z"},
        (
            "is not valid before 2098-01-31 12:00:00 UTC (CN=test): is the clock of this machine "
            "right?"
        ),
    ),
    "other names": (
        ["DNS:a.example", "DNS:b.example", "IP:192.0.2.7"],
        {},
        "the name {host} is not among its names a.example, b.example, 192.0.2.7",
    ),
    "no names": (
        [],
        {"subject": "/CN={host}"},
        "the name {host} is not among its names (no host name or IP address)",
    ),
    "self-signed": (
        ["IP:{host}"],
        {"selfsign": True},
        "the server's certificate is self-signed and not trusted: cacertfile does not contain",
    ),
    "for clients": (
        ["IP:{host}"],
        {"usage": "clientAuth"},
        "the server's certificate is rejected: ",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_certificates(serve, fate, authority, address, kind):
    names, options, words = BAD[kind]
    certificate = authority.issue(
        *(each.format(host=address.host) for each in names),
        **{
            key: value.format(host=address.host) if isinstance(value, str) else value
            for key, value in options.items()
        },
    )
    with serve(certificate) as server:
        said = fate(server, cacertfile=authority.path)
        assert words.format(host=address.host) in said
        server.process.wait_for("connection refused .*the client refused our certificate")


@pytest.mark.parametrize(
    "name, words",
    [
        (
            "tunnel.example",
            "the name tunnel.example is not among its names *.deep.example",
        ),
        ("a.b.deep.example", "the name a.b.deep.example is not among"),
        ("deep.example", "the name deep.example is not among"),
    ],
)
def test_wildcards_go_one_label_deep(serve, fate, authority, name, words):
    with serve(authority.issue("DNS:*.deep.example")) as server:
        assert words in fate(server, cacertfile=authority.path, server_name=name)


@pytest.mark.parametrize(
    "names, words",
    [
        (["DNS:127.0.0.9"], "127.0.0.9 (as a host name)"),
        (["DER:30:03:87:01:7F"], "(no host name"),  # an address of one byte
        (["DER:30:02:87:00"], "(no host name"),
        (["DER:30:07:82:05:61:00:62:63:64"], "a (and a NUL)"),
    ],
)
def test_names_that_look_like_others(serve, fate, authority, names, words):
    with serve(authority.issue(*names)) as server:
        said = fate(server, cacertfile=authority.path, server_name="127.0.0.9")
    assert f"the name 127.0.0.9 is not among its names {words}" in said


@pytest.mark.parametrize(
    "kind, ciphers, status, said",
    [
        (
            "rsa",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            1,
            "an RSA key, such as ECDHE-RSA-AES128-GCM-SHA256",
        ),
        ("ec", "ECDHE+AESGCM+aRSA", 1, "an ECDSA key, such as ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("rsa", "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256", 0, "without TLS 1.3"),
        ("rsa", "ECDHE-RSA-AES128-GCM-SHA256", 0, None),
        ("ec", "ECDHE+AESGCM", 0, None),
        ("rsa", "TLS_AES_128_GCM_SHA256", 0, None),
    ],
)
def test_ciphers_that_fit_another_kind_of_key(tmp_path, kind, ciphers, status, said):
    algorithm = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}[kind]
    key, certificate, config = (tmp_path / name for name in ("key.pem", "cert.pem", "server.json"))
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", *algorithm, "-keyout", key, "-out"]
        + [certificate, "-subj", "/CN=a", "-addext", "subjectAltName=DNS:a"],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    tls = {"use": "tls", "certfile": "cert.pem", "keyfile": "key.pem", "ciphers": ciphers}
    config.write_text(json.dumps({"transport": [tls]}))
    process = run([peers.spore_binary(), "server", "--check", "--config", str(config)])
    assert process.status == status
    if status:
        assert "/transport/0/ciphers: expected a cipher for the key" in process.log()
    if said:
        assert said in process.log()
    else:
        assert "key of the certificate" not in process.log()


@pytest.mark.parametrize(
    "ciphers", ["ALL:@SECLEVEL=0", "ADH-AES128-GCM-SHA256:ECDHE+AESGCM:@SECLEVEL=0"]
)
def test_a_server_without_a_certificate_is_nobody(fate, authority, address, ciphers):
    """Also with anonymous ciphers, which would leave no certificate to check."""
    port = address.free_port()
    argv = [
        "openssl",
        "s_server",
        "-accept",
        f"{address.host}:{port}",
        "-nocert",
        "-tls1_2",
        "-quiet",
        "-cipher",
        "ALL:@SECLEVEL=0",
    ]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as peer:
        try:
            wait_until(lambda: not port_is_free(address.host, port), "s_server to listen")
            said = fate(
                SimpleNamespace(control=(address.host, port)),
                cacertfile=authority.path,
                ciphers=ciphers,
            )
        finally:
            peer.kill()
    assert "no common cipher or group" in said


def test_an_unknown_authority(serve, fate, stranger, address):
    """Without cacertfile the hint names both flags."""
    with serve(stranger.issue(f"IP:{address.host}")) as server:
        said = fate(server)
    assert "the server's certificate is issued by an unknown authority, CN=Stranger: " in said
    assert "--cacertfile FILE trusts the authorities in FILE; --insecure skips the check" in said


def test_a_self_signed_one_can_be_trusted(serve, works, authority, address):
    certificate = authority.issue(f"IP:{address.host}", selfsign=True)
    with serve(certificate) as server:
        works(server, cacertfile=certificate.path)


@pytest.mark.parametrize("kind", BAD)
def test_insecure_takes_anything(serve, works, authority, kind, address):
    names, options, _ = BAD[kind]
    options = {**options, "subject": "/CN=test"}
    with serve(
        authority.issue(*(each.format(host=address.host) for each in names), **options)
    ) as server:
        assert "INSECURE" in works(server, insecure=True)


# Pins


def test_a_pin_that_matches(serve, works, authority, certificate):
    other = "sha256:" + "00" * 32
    with serve(certificate) as server:
        works(
            server,
            cacertfile=authority.path,
            pins=[other, certificate.pin().upper().replace("SHA", "sha")],
        )


def test_a_pin_that_does_not(serve, fate, authority, certificate):
    with serve(certificate) as server:
        said = fate(server, cacertfile=authority.path, pins=["sha256:" + "00" * 32])
    assert f"the server's public key matches no pin: found {certificate.pin()}" in said


def test_a_pin_does_not_replace_the_rest(serve, fate, stranger, address):
    certificate = stranger.issue(f"IP:{address.host}")
    with serve(certificate) as server:
        assert "by an unknown authority" in fate(server, pins=[certificate.pin()])


def test_insecure_checks_pins_all_the_same(serve, works, fate, stranger):
    certificate = stranger.issue("DNS:elsewhere.example")
    with serve(certificate) as server:
        said = works(server, insecure=True, pins=[certificate.pin()])
        assert "only the pins of the server's certificate are checked" in said
        assert "matches no pin" in fate(server, insecure=True, pins=["sha256:" + "ab" * 32])


# No fallback


def test_no_fallback_to_plain_text(start_server, fate):
    with start_server() as server:
        fate(server)
        assert not any("new client" in line for line in server.process.stderr)


def test_the_certificate_is_checked_on_each_reconnection(
    serve, authority, stranger, certificate, address, tmp_path
):
    port = address.free_port()
    config = tmp_path / "second.json"
    bad = stranger.issue(f"IP:{address.host}")
    config.write_text(
        json.dumps({"transport": [{"use": "tls", "certfile": bad.path, "keyfile": bad.key}]})
    )
    own = ["--tls", "--certfile", certificate.path, "--keyfile", certificate.key]
    with peers.spore_server(address, control_port=port, extra=own) as first:
        client = peers.spore_client(
            first.control, 9, extra=["--tls", "--cacertfile", authority.path]
        )
        first.stop()
    with client, peers.spore_server(
        address, control_port=port, extra=["--config", str(config)]
    ) as second:
        client.process.wait_for("tunnel lost, trying again .*by an unknown authority, CN=Stranger")
        assert not any("new client" in line for line in second.process.stderr)


# Mistakes at the start


@pytest.fixture
def refused(tmp_path):
    """Starts a server with these options, which must fail; returns its standard error."""

    def start(role="server", env=None, **options):
        path = tmp_path / "refused.json"
        path.write_text(json.dumps({"transport": [{"use": "tls", **options}]}), encoding="utf-8")
        with Loopback() as address:
            argv = [peers.spore_binary(), role, "--config", str(path), "--control-port", "7999"]
            argv += (
                ["--bind-addr", address.host] if role == "server" else ["9", "--to", address.host]
            )
            process = run(argv, env=env)
        assert process.status == 1, process.log()
        return "\n".join(process.stderr)

    return start


def test_a_server_needs_a_certificate(refused):
    assert "/transport/0: expected certfile and keyfile: a server needs a certificate" in refused()


@pytest.mark.parametrize("option", ["certfile", "keyfile", "cacertfile"])
def test_a_file_that_is_not_there(refused, certificate, option):
    options = {"certfile": certificate.path, "keyfile": certificate.key, option: "nowhere.pem"}
    said = refused(**options)
    assert f"error: /transport/0/{option}: cannot read " in said
    assert "nowhere.pem: No such file or directory" in said


def test_a_folder_is_no_file(refused, certificate, tmp_path):
    said = refused(certfile=str(tmp_path), keyfile=certificate.key)
    assert f"/transport/0/certfile: cannot read {tmp_path}: it is a directory" in said


@pytest.mark.parametrize("option", ["certfile", "keyfile", "cacertfile"])
def test_a_pipe_is_no_file(refused, certificate, tmp_path, option):
    """Nobody writes into the pipe, so opening it would block for ever."""
    os.mkfifo(tmp_path / "pipe")
    options = {"certfile": certificate.path, "keyfile": certificate.key, option: "pipe"}
    assert (
        f"/transport/0/{option}: cannot read {tmp_path}/pipe: it is not a regular file"
        in refused(**options)
    )


@pytest.mark.parametrize(
    "option, expected",
    [
        ("certfile", "expected a certificate in PEM form in"),
        ("keyfile", "expected a private key in PEM form in"),
        ("cacertfile", "expected certificates in PEM form in"),
    ],
)
def test_a_file_that_is_not_pem(refused, certificate, tmp_path, option, expected):
    (tmp_path / "text.pem").write_text("hello\n")
    said = refused(**{"certfile": certificate.path, "keyfile": certificate.key, option: "text.pem"})
    assert f"/transport/0/{option}: {expected} {tmp_path}/text.pem, found none" in said


def test_a_forgotten_keyfile(refused, certificate):
    path = pathlib.Path(certificate.path)
    path.chmod(0o644)
    said = refused(certfile=certificate.path)
    why = f"expected keyfile, or a private key in PEM form in {path}, found a certificate"
    assert f"/transport/0/certfile: {why}" in said
    assert "readable by every user" not in said


@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_a_key_of_another(refused, authority, certificate, key):
    other = authority.issue("DNS:x", key=key).key
    said = refused(certfile=certificate.path, keyfile=other)
    assert (
        f"/transport/0/keyfile: the private key in {other} does not match the certificate in "
        f"{certificate.path}"
    ) in said


def test_a_chain_in_the_wrong_order(refused, between, tmp_path):
    leaf = between.issue("DNS:x", subject="/CN=leaf", chain=False)
    path = tmp_path / "wrong.pem"
    path.write_text(pathlib.Path(between.path).read_text() + pathlib.Path(leaf.path).read_text())
    said = refused(certfile=str(path), keyfile=leaf.key)
    assert (
        f"/transport/0/keyfile: the private key in {leaf.key} fits certificate 2 of {path} "
        "(CN=leaf), not the first (CN=Between): expected this side's certificate first"
    ) in said


def label(source, path, name):
    """A PEM file with another label."""
    text = pathlib.Path(source).read_text()
    path.write_text(re.sub("(BEGIN|END) [A-Z ]+-", rf"\1 {name}-", text))


def convert(*arguments):
    """Makes a file of another form."""
    return lambda cert, path: openssl(
        *(arg.format(cert=cert.path, key=cert.key) for arg in arguments), "-out", path
    )


# Of a file in another form: the option, how it is made, what is said of it.
FORMS = {
    "key, DER": ("keyfile", convert("pkey", "-in", "{key}", "-outform", "DER"), "a private key in DER form"),
    "key, wrong label": (
        "keyfile",
        lambda cert, path: label(cert.key, path, "RSA PRIVATE KEY"),
        'a private key under the label "RSA PRIVATE KEY"',
    ),
    "key, no such label": (
        "keyfile",
        lambda cert, path: label(cert.key, path, "KEY"),
        'a private key under the label "KEY"',
    ),
    "key, PKCS#12": (
        "keyfile",
        convert("pkcs12", "-export", "-in", "{cert}", "-inkey", "{key}", "-passout", "pass:"),
        "a PKCS#12 file in DER form",
    ),
    "certificate, DER": ("certfile", convert("x509", "-in", "{cert}", "-outform", "DER"), "a certificate in DER form"),
    "certificate, wrong label": (
        "certfile",
        lambda cert, path: label(cert.path, path, "CERT"),
        'a certificate under the label "CERT"',
    ),
    "certificate, PKCS#12": (
        "certfile",
        convert("pkcs12", "-export", "-in", "{cert}", "-inkey", "{key}", "-passout", "pass:"),
        "a PKCS#12 file in DER form",
    ),
    "certificate, PKCS#7": (
        "certfile",
        convert("crl2pkcs7", "-nocrl", "-certfile", "{cert}"),
        'a PKCS#7 file under the label "PKCS7"',
    ),
    "authorities, DER": ("cacertfile", convert("x509", "-in", "{cert}", "-outform", "DER"), "a certificate in DER form"),
    "authorities, UTF-16": (
        "cacertfile",
        lambda cert, path: path.write_text(pathlib.Path(cert.path).read_text(), "utf-16"),
        "text in UTF-16",
    ),
}  # fmt: skip


@pytest.mark.parametrize("option", ["certfile", "cacertfile"])
def test_a_wrong_label_behind_a_right_one(refused, certificate, tmp_path, option):
    """OpenSSL skips the block, so the file holds less than it seems to."""
    path = tmp_path / "two.pem"
    label(certificate.path, path, "CERTIFICAT")
    path.write_text(pathlib.Path(certificate.path).read_text() + path.read_text())
    options = {"certfile": certificate.path, "keyfile": certificate.key, option: str(path)}
    assert (
        f"/transport/0/{option}: expected each certificate in {path} under the label "
        '"CERTIFICATE", found also a certificate under the label "CERTIFICAT", which would be '
        "skipped"
    ) in refused(**options)


@pytest.mark.parametrize("kind", FORMS)
def test_another_form_is_named_and_its_command_converts_it(refused, certificate, tmp_path, kind):
    option, make, words = FORMS[kind]
    path = tmp_path / "other"
    make(certificate, path)
    options = {"certfile": certificate.path, "keyfile": certificate.key}
    said = refused(**{**options, option: str(path)})
    found = re.search(rf"/transport/0/{option}: .* in {path}, found (.*): `(.*)` converts it", said)
    assert found and found[1] == words, said
    command = found[2].replace("pkcs12 ", "pkcs12 -passin pass: ")
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], cwd=tmp_path, check=True)
    made = tmp_path / ("new.key" if option == "keyfile" else "new.pem")
    path = tmp_path / "good.json"
    entry = {"use": "tls", **options, option: str(made)}
    path.write_text(json.dumps({"transport": [entry]}), encoding="utf-8")
    process = run([peers.spore_binary(), "server", "--check", "--config", str(path)])
    assert process.status == 0, process.log()


@pytest.mark.parametrize(
    "option, source, words",
    [
        ("certfile", "key", 'found a private key under the label "PRIVATE KEY"'),
        ("keyfile", "path", 'found a certificate under the label "CERTIFICATE"'),
        ("keyfile", None, "found an empty file"),
    ],
)
def test_a_file_of_something_else(refused, certificate, tmp_path, option, source, words):
    path = tmp_path / "other"
    path.write_text(pathlib.Path(getattr(certificate, source)).read_text() if source else "")
    options = {"certfile": certificate.path, "keyfile": certificate.key, option: str(path)}
    line = next(line for line in refused(**options).splitlines() if "error:" in line)
    assert line.endswith(words)


def test_a_byte_order_mark_is_harmless(serve, works, authority, address, tmp_path):
    own = authority.issue(f"IP:{address.host}")
    for name in ("path", "key"):
        path = pathlib.Path(getattr(own, name))
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    with serve(own) as server:
        works(server, cacertfile=authority.path)


def test_a_key_without_a_certificate(refused, certificate):
    assert "/transport/0/keyfile: expected certfile as well" in refused(
        role="local", keyfile=certificate.key
    )


@pytest.fixture
def locked(certificate, tmp_path):
    """The certificate's key, encrypted with the passphrase `open sesame`."""
    path = tmp_path / "locked.key"
    openssl("pkey", "-in", certificate.key, "-aes256", "-passout", "pass:open sesame", "-out", path)
    os.chmod(path, 0o600)
    return str(path)


def test_a_passphrase_opens_the_key(certificate, locked, configured_server, authority):
    entry = {
        "use": "tls",
        "certfile": certificate.path,
        "keyfile": locked,
        "key_passphrase": {"env": "OPENER"},
    }
    with configured_server(config={"transport": [entry]}, env={"OPENER": "open sesame"}) as server:
        assert s_client(server, "-CAfile", authority.path)[0] == 0


@pytest.mark.parametrize(
    "passphrase, words",
    [
        (
            None,
            (
                "/transport/0/keyfile: the private key in {path} is encrypted: expected "
                "key_passphrase as well"
            ),
        ),
        (
            "close sesame",
            "/transport/0/key_passphrase: the passphrase does not open the private key in {path}",
        ),
    ],
)
def test_a_wrong_passphrase(refused, certificate, locked, passphrase, words):
    options = {"key_passphrase": passphrase} if passphrase else {}
    said = refused(certfile=certificate.path, keyfile=locked, **options)
    assert words.format(path=locked) in said
    assert "close sesame" not in said


@pytest.mark.parametrize(
    "option, value, pointer, words",
    [
        ("ciphers", "NO_SUCH", "ciphers", "expected cipher names as listed by"),
        ("ciphers", "TLS_NO_SUCH", "ciphers", "expected cipher names as listed by"),
        ("ciphers", "", "ciphers", "expected at least one cipher, found none"),
        ("ciphers", ":", "ciphers", "expected at least one cipher, found none"),
        ("ciphers", "!aNULL", "ciphers", "with certificates and encryption, found none"),
        ("ciphers", "aNULL:@SECLEVEL=0", "ciphers", "with certificates and encryption, found none"),
        ("ciphers", "eNULL:@SECLEVEL=0", "ciphers", "with certificates and encryption, found none"),
        ("ciphers", "PSK", "ciphers", "with certificates and encryption, found none"),
        (
            "ciphers",
            "ECDHE+AESGCM:TLS_AES_128_GCM_SHA265",
            "ciphers",
            'no cipher is called "TLS_AES_128_GCM_SHA265"',
        ),
        (
            "ciphers",
            "ECHDE+AESGCM:TLS_AES_128_GCM_SHA256",
            "ciphers",
            'no cipher is called "ECHDE+AESGCM"',
        ),
        ("groups", "", "groups", "names of groups, separated by colons"),
        ("groups", "P-999", "groups", "names of groups, separated by colons"),
        ("min_version", "1.1", "min_version", "expected one of 1.2|1.3"),
        ("min_version", 1.2, "min_version", "expected a string, one of 1.2|1.3, found 1.2"),
        ("insecure", True, "insecure", "only for clients"),
        ("server_name", "x", "server_name", "only for clients"),
        ("pins", ["sha256:" + "00" * 32], "pins", "only for clients"),
    ],
)
def test_other_mistakes(refused, certificate, option, value, pointer, words):
    said = refused(**{"certfile": certificate.path, "keyfile": certificate.key, option: value})
    assert f"error: /transport/0/{pointer}: " in said and words in said


def test_ciphers_that_the_least_version_forbids(refused, certificate):
    options = {"certfile": certificate.path, "keyfile": certificate.key, "min_version": "1.3"}
    said = refused(ciphers="ECDHE+AESGCM", **options)
    assert "error: /transport/0/ciphers: expected a cipher of TLS 1.3 (their names" in said


@pytest.mark.parametrize("name", ["", "a" * 256, ".example", "a b", "a/b", "*.example", "b\u00fc"])
def test_an_invalid_server_name(refused, name):
    said = refused(role="local", server_name=name)
    assert (
        "error: /transport/0/server_name: expected an IP address, or a host name of 1 to 255"
        in said
    )


def test_options_without_effect(configured_server, certificate, authority, tmp_path):
    tls = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    entry = tls | {"key_passphrase": "s3cret"}
    with configured_server(config={"transport": [entry]}) as server:
        server.process.wait_for(
            f"the private key in {certificate.key} is not encrypted: key_passphrase has no effect "
            r"plugin=tls option=/transport/0 source=.* line=\d+"
        )
    path = tmp_path / "client.json"
    entry = {"use": "tls", "cacertfile": authority.path, "insecure": True}
    path.write_text(json.dumps({"transport": [entry]}), encoding="utf-8")
    with configured_server(config={"transport": [tls]}) as server:
        with peers.spore_client(server.control, 9, extra=["--config", str(path)]) as client:
            client.process.wait_for(
                r"cacertfile has no effect with insecure plugin=tls option=/transport/0"
            )
    entry = {"use": "tls", "insecure": True, "server_name": "localhost"}
    entry |= {"tickets": False, "ticket_life": "5m"}
    client = {"transport": [entry], "tunnels": [{"local_port": 9}], "client": {"to": "localhost"}}
    path.write_text(json.dumps(client), encoding="utf-8")
    checked = run([peers.spore_binary(), "local", "--check", "--config", path])
    assert checked.status == 0, checked.log()
    where = f"plugin=tls option=/transport/0 source={path} line=1"
    assert f"its certificate is not checked for this name {where}" in checked.log()
    assert f'ticket_life has no effect with "tickets": false {where}' in checked.log()
    entry |= {"insecure": False, "tickets": True, "cacertfile": authority.path}
    path.write_text(json.dumps(client), encoding="utf-8")
    assert "warn" not in run([peers.spore_binary(), "local", "--check", "--config", path]).log()


@pytest.mark.parametrize("pin", ["", "sha256:12", "00" * 32, "sha256:" + "0g" * 32])
def test_an_invalid_pin(refused, pin):
    said = refused(role="local", pins=["sha256:" + "00" * 32, pin])
    assert '/transport/0/pins/1: expected "sha256:" and 64 hex digits' in said


def test_all_mistakes_at_once(refused):
    said = refused(certfile="a", ciphers="x", groups="y", insecure=True)
    for pointer in ("certfile", "ciphers", "groups", "insecure"):
        assert f"error: /transport/0/{pointer}: " in said


# Warnings at the start


@pytest.mark.parametrize(
    "dates, words",
    [
        ({"end": "20240131120000Z"}, r"expired on 2024-01-31 12:00:00 UTC \(CN=test\)"),
        ({"start": "20980131120000Z"}, "is not valid before 2098-01-31 12:00:00 UTC"),
    ],
)
def test_dates_are_a_warning_at_the_start(serve, authority, dates, words):
    certificate = authority.issue("DNS:x", **dates)
    with serve(certificate) as server:
        server.process.wait_for(
            f"warn  the certificate in {certificate.path} {words}", stream="stderr"
        )


# When they expire


def in_days(days):
    """A date: (the format of openssl, the format of messages, seconds since 1970)."""
    when = int(time.time()) + days * 86400
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(when)), told, when


def expiry_of(page):
    """{(plugin, certificate): seconds since 1970}"""
    return {
        (labels["plugin"], labels["certificate"]): value
        for name, labels, value in page.samples
        if name == "spore_tls_certificate_expiry_timestamp_seconds"
    }


@pytest.fixture
def exporter(address):
    """An exporter, with its section of the configuration."""
    port = address.free_port()
    metrics = Exporter(address.host, port)
    metrics.section = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    return metrics


def test_a_server_says_when_its_certificates_expire(
    configured_server, authority, tmp_path, exporter
):
    own, between, old = in_days(3), in_days(10), in_days(100)
    middle = Authority(tmp_path / "between", name="Between", parent=authority, end=between[0])
    clients = Authority(tmp_path / "clients", name="Clients", end=old[0])
    dead = Authority(tmp_path / "dead", name="Dead", end="20240131120000Z")
    certificate = middle.issue("DNS:x", end=own[0])
    several = tmp_path / "several.pem"
    several.write_text(
        "".join(pathlib.Path(each.path).read_text() for each in (authority, clients, dead))
    )
    entry = {
        "use": "tls",
        "certfile": certificate.path,
        "keyfile": certificate.key,
        "cacertfile": str(several),
    }
    with configured_server(config={"transport": [entry], "metrics": exporter.section}) as server:
        # Valid certificates replace the expired one, so no warning mentions it.
        assert expiry_of(exporter.page()) == {
            ("tls", "own"): own[2],
            ("tls", "chain"): between[2],
            ("tls", "authorities"): old[2],
        }
        said = [line.split("warn  ")[1] for line in server.process.stderr if " in /" in line]
    assert [line.partition(" source=")[0] for line in said] == [
        (
            f"the certificate in {certificate.path} expires on {own[1]} (CN=test) plugin=tls "
            "option=/transport/0"
        ),
        (
            f"an intermediate certificate in {certificate.path} expires on {between[1]} "
            "(CN=Between) plugin=tls option=/transport/0"
        ),
    ]


def test_certificates_of_the_control_port_and_of_public_ports_expire(
    configured_server, authority, exporter
):
    """Each instance has a series of its own, and the earliest of its certificates counts."""
    late, soon, sooner, other = (in_days(days) for days in (300, 40, 30, 200))

    def tls(*ends):
        first, *more = [
            {"certfile": certificate.path, "keyfile": certificate.key}
            for certificate in (authority.issue("DNS:x", end=end[0]) for end in ends)
        ]
        return [{"use": "tls", **first, **({"certificates": more} if more else {})}]

    public = [
        {"name": "web", "ports": 8000, "transport": tls(late, soon, sooner)},
        {"ports": 8001, "transport": tls(other)},
        {"name": "web", "ports": 8002, "transport": tls(late)},
    ]
    config = {"transport": tls(late), "public": public, "metrics": exporter.section}
    with configured_server(config=config):
        dates = {name: date for (name, kind), date in expiry_of(exporter.page()).items()}
    assert dates == {
        "tls": late[2],
        "web/tls": sooner[2],
        "public/1/tls": other[2],
        "public/2/tls": late[2],
    }


def test_a_client_says_when_its_certificates_expire(tls_server, authority, tmp_path, exporter):
    end = in_days(13)
    own = authority.issue("DNS:x", end=end[0])
    path = tmp_path / "client.json"
    entry = {
        "use": "tls",
        "cacertfile": authority.path,
        "certfile": own.path,
        "keyfile": own.key,
        "name": "up",
    }
    path.write_text(
        json.dumps({"transport": [entry], "metrics": exporter.section}), encoding="utf-8"
    )
    with tls_server() as server, peers.spore_client(
        server.control, 9, extra=["--config", str(path)]
    ) as client:
        found = expiry_of(exporter.page())
        assert found.pop(("up", "own")) == end[2]
        assert list(found) == [("up", "authorities")]
        client.process.wait_for(rf"the certificate in {own.path} expires on {end[1]} \(CN=test\)")


def test_without_files_there_is_no_such_metric(
    tls_server, certificate, authority, tmp_path, exporter
):
    path = tmp_path / "client.json"
    path.write_text(json.dumps({"metrics": exporter.section}), encoding="utf-8")
    with tls_server() as server:
        with peers.spore_client(
            server.control,
            9,
            extra=["--tls", "--config", str(path)],
            env={"SSL_CERT_FILE": authority.path},
        ):
            assert expiry_of(exporter.page()) == {}


def test_a_reload_tells_of_the_new_certificates(
    tls_server, authority, certificate, tmp_path, exporter
):
    """Also while connections with the old certificates are open, and after they end."""
    far, soon = in_days(50), in_days(5)
    first, second = authority.issue(f"IP:{exporter.host}", end=far[0]), authority.issue(
        "DNS:x", end=soon[0]
    )
    config = tmp_path / "server.json"

    def swap(server, times, *entries):
        config.write_text(
            json.dumps({"transport": list(entries), "metrics": exporter.section}), encoding="utf-8"
        )
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded", times=times)
        # Until then the old exporter may accept scrapes that it never answers.
        server.process.wait_for("plugin instance ended plugin=prometheus", times=times)

    entry = {"certfile": first.path, "keyfile": first.key, "cacertfile": authority.path}
    with tls_server(tls=entry, config={"metrics": exporter.section}) as server:
        with dial(server, authority, certificate):
            before = expiry_of(exporter.page())
            assert before[("tls", "own")] == far[2] and before[("tls", "authorities")] > 0
            swap(server, 1, {"use": "tls", "certfile": second.path, "keyfile": second.key})
            server.process.wait_for(
                rf"the certificate in {second.path} has changed: valid until {soon[1]}"
            )
            server.process.wait_for(rf"the certificate in {second.path} expires on {soon[1]}")
            after = {("tls", "own"): soon[2], ("tls", "authorities"): 0}
            assert expiry_of(exporter.page()) == after
        server.process.wait_for("plugin instance ended plugin=tls")
        assert expiry_of(exporter.page()) == after
        swap(server, 2, {"use": "plain"})
        wait_until(lambda: set(expiry_of(exporter.page()).values()) == {0}, "the last user's end")


def test_a_key_that_all_can_read(serve, certificate):
    os.chmod(certificate.key, 0o644)
    with serve(certificate) as server:
        server.process.wait_for(f"the private key in {certificate.key} is readable by every user")


def test_certificate_and_key_in_one_file(configured_server, authority, certificate, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text(
        pathlib.Path(certificate.path).read_text() + pathlib.Path(certificate.key).read_text()
    )
    with configured_server(
        config={"transport": [{"use": "tls", "certfile": "both.pem"}]}
    ) as server:
        assert s_client(server, "-CAfile", authority.path)[0] == 0
