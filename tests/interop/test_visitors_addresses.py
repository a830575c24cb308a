"""From haproxy in front of a public port to the log of nginx behind the client: the address of the
visitor, whose TLS goes through from end to end.

visitor ── haproxy ── PROXY v2 ──▶ spore server ── client (bore or spore) ── PROXY v2 ──▶ nginx
"""

import contextlib
import ssl

import pytest

from harness import fronts
from harness.loopback import BORE_CONTROL_PORT, Loopback, free_port, has_ipv6
from harness.peers import configured_server, start_client
from harness.sockets import connect, read_to_end
from harness.waiting import wait_until
from harness.websites import Website

SECRET = "s3cret"
NAME = "www.example"


@pytest.fixture
def site(address, tmp_path, authority):
    place = f"{address.host}:{address.free_port()}"
    own = authority.issue(f"DNS:{NAME}")
    with Website(tmp_path / "site", place, certificate=own, is_told=True) as site:
        yield site


@contextlib.contextmanager
def tunnel(kind, address, folder, site):
    """The public port of a client of the site. The server expects a proxy in front of the port, and
    sends the header itself if the client is bore's."""
    port = address.free_port()
    proxy = {"use": "proxy", "trusted": [address.host]}
    host, local_port = site.place.split(":")
    options = {"local_host": host, "secret": SECRET, "port": port}
    if kind == "spore":
        options["extra"] = ["--send-proxy", "v2"]
    with configured_server(
        address,
        folder,
        control_port=BORE_CONTROL_PORT,
        server={"send_proxy_ports": [port] if kind == "bore" else []},
        auth=[{"use": "hmac", "secret": SECRET}],
        public=[{"ports": str(port), "transport": [proxy]}],
    ) as server:
        with start_client(kind, server.control, int(local_port), **options) as client:
            yield (address.host, client.port)


def visit(listen, authority, source=None):
    """A visit over TLS; returns the visitor's own address."""
    context = ssl.create_default_context(cafile=authority.path)
    with context.wrap_socket(connect(*listen, source=source), server_hostname=NAME) as visitor:
        own = visitor.getsockname()[:2]
        visitor.sendall(
            f"GET /found HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
        )
        assert read_to_end(visitor).startswith(b"HTTP/1.1 204 ")
    return own


@pytest.mark.parametrize("kind", ["bore", "spore"])
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_nginx_logs_the_visitor(kind, family, site, address, authority, tmp_path):
    """Also the visitors that come later on a connection that has carried another one."""
    with contextlib.ExitStack() as stack:
        if family == "IPv4":
            listen = (address.host, address.free_port())
            sources = [stack.enter_context(Loopback()).host for _ in range(3)]
        elif has_ipv6():
            listen, sources = ("::1", free_port("::1")), ["::1"] * 3
        else:
            pytest.skip("NO IPv6 here: ::1 cannot be bound")
        to = stack.enter_context(tunnel(kind, address, tmp_path, site))
        stack.enter_context(fronts.front("haproxy-v2", tmp_path, listen, to, address.host))
        visitors = [visit(listen, authority, source) for source in sources]
        assert [host for host, _ in visitors] == sources
        wait_until(lambda: len(site.visitors) == len(visitors), "the log of nginx")
        assert site.visitors == visitors
        assert {protocol for _, protocol, *_ in site.requests} == {"HTTP/1.1"}
