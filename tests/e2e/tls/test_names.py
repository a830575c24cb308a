"""Several certificates of a server, chosen by the name that the client asks for (SNI), and the
protocols above TLS (ALPN)."""

import json
import os
import shutil
import ssl

import pytest

from harness.peers import configured_server, spore_binary, spore_client
from harness.process import run
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.tls import client_context
from harness.waiting import wait_until


def pair(certificate):
    return {"certfile": str(certificate.path), "keyfile": str(certificate.key)}


@pytest.fixture
def serve(address, tmp_path, certificate):
    """Starts a server whose public ports have this certificate and these options of TLS."""

    def start(default=certificate, **options):
        entry = {"ports": "1-65535", "transport": [{"use": "tls", **pair(default), **options}]}
        return configured_server(address, tmp_path, public=[entry])

    return start


def visit(client, context, name):
    """An open connection that asks for this name, which is in the server's certificate."""
    return context.wrap_socket(connect(client.host, client.port), server_hostname=name)


def shown(client, authority, name):
    """The names of the certificate that the server shows to somebody who asks for this name."""
    context = client_context(authority, check_hostname=False)
    with visit(client, context, name) as sock:
        return {each for _, each in sock.getpeercert()["subjectAltName"]}


def test_the_name_selects_the_certificate(serve, authority):
    """An exact name comes before a wildcard, and the first certificate before later ones. The kind
    of the key does not matter."""
    one = authority.issue("DNS:one.example", "DNS:1.example", key="rsa")
    wild = authority.issue("DNS:*.wide.test", "DNS:*.wild.test")
    two = authority.issue("DNS:two.example")
    late = authority.issue("DNS:one.example", "DNS:late.test")
    names = [pair(each) for each in (one, wild, two, late)]
    with serve(certificates=names) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for name, expected in (
                ("one.example", "1.example"),
                ("1.example", "1.example"),
                ("ONE.example", "1.example"),
                ("two.example", "two.example"),
                ("other.wide.test", "*.wide.test"),
                ("a.wild.test", "*.wild.test"),
                ("late.test", "late.test"),
                ("a.b.wild.test", "tunnel.example"),  # a wildcard stands for one label
                ("tunnel.example", "tunnel.example"),
                ("unknown.test", "tunnel.example"),
                (client.host, "tunnel.example"),
            ):
                assert expected in shown(client, authority, name), name
            context = client_context(authority)
            for name in ("one.example", "two.example", "x.wide.test", client.host):
                with visit(client, context, name) as sock:
                    sock.sendall(b"ping")
                    assert read_exactly(sock, 4) == b"ping"


def test_certificates_of_visitors_are_checked_under_each_name(serve, authority):
    """Another certificate of the server changes nothing about the visitor's."""
    own = authority.issue("email:alice@example")
    names = [pair(authority.issue("DNS:one.example"))]
    with serve(certificates=names, cacertfile=str(authority.path)) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for name in ("one.example", "tunnel.example"):
                with visit(client, client_context(authority, own), name) as sock:
                    sock.sendall(b"ping")
                    assert read_exactly(sock, 4) == b"ping"
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    with visit(client, client_context(authority), name) as sock:
                        sock.sendall(b"ping")
                        assert read_exactly(sock, 4) == b"ping"
            assert service.accepted == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_protocols_above(serve, authority, version):
    """The server's preference decides. One that offers none gets in, one that offers others not."""
    names = [pair(authority.issue("DNS:one.example"))]
    with serve(alpn=["h2", "http/1.1"], certificates=names) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for name in ("one.example", "tunnel.example"):
                for offered, chosen in (
                    (["http/1.1", "h2"], "h2"),
                    (["http/1.1"], "http/1.1"),
                    ([], None),
                ):
                    context = client_context(authority, maximum_version=version)
                    context.set_alpn_protocols(offered)
                    with visit(client, context, name) as sock:
                        assert sock.selected_alpn_protocol() == chosen
                context.set_alpn_protocols(["gopher"])
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    visit(client, context, name)


def test_one_of_several_is_replaced(serve, authority, tmp_path):
    """A new file is used without a reload."""
    paths = {"certfile": tmp_path / "one.pem", "keyfile": tmp_path / "one.key"}

    def use(certificate):
        for key, path in paths.items():
            shutil.copy(pair(certificate)[key], f"{path}.new")
            os.replace(f"{path}.new", path)

    use(authority.issue("DNS:one.example"))
    names = [{key: str(path) for key, path in paths.items()}]
    with serve(certificates=names) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            context = client_context(authority)
            with visit(client, context, "one.example") as sock:
                use(authority.issue("DNS:one.example", "DNS:new.example"))
                wait_until(
                    lambda: "new.example" in shown(client, authority, "one.example"),
                    "the new certificate",
                    timeout=30,
                )
                sock.sendall(b"still")
                assert read_exactly(sock, 5) == b"still"


def test_the_same_certificate_twice(serve, authority, certificate):
    main, one = pair(certificate), pair(authority.issue("DNS:one.example"))
    with serve(certificates=[one, main, one]) as server:
        for path in (main["certfile"], one["certfile"]):
            server.process.wait_for(
                f"warn .*the certificate in {path} is never shown: it is also in {path} "
            )


def test_mistakes(tmp_path, authority, certificate):
    other = authority.issue("DNS:other.example")
    path = tmp_path / "server.json"

    def check(**options):
        entry = {"use": "tls", **pair(certificate), **options}
        path.write_text(json.dumps({"public": [{"ports": 8000, "transport": [entry]}]}, indent=1))
        done = run([spore_binary(), "server", "--config", path, "--check"])
        assert done.status != 0
        return "\n".join(done.stderr)

    place = "/public/0/transport/0"
    wrong = {"certfile": str(certificate.path), "keyfile": str(other.key)}
    text = check(certificates=[pair(other), wrong])
    assert f"{place}/certificates/1/keyfile: the private key in {other.key} does not match" in text
    text = check(certificates=[{"certfile": "/nowhere/cert.pem"}])
    assert f"{place}/certificates/0/certfile: cannot read /nowhere/cert.pem" in text
    assert f"{place}/alpn/1: expected a protocol of 1 to 255 bytes" in check(alpn=["h2", ""])
