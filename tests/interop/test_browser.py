"""A real browser loads sites of two clients from one port of one server.

Chromium ── TLS, HTTP/2, a web socket ──▶ spore server ┬▶ client ──▶ nginx (one.alice.example)
                                                       └▶ client ──▶ nginx (bob.example)
"""

import contextlib

import pytest

from harness.browser import chromium
from harness.routed_port import RoutedPort
from harness.waiting import wait_until
from harness.web_socket import EchoSocket
from harness.websites import Website

NAMES = {"alice": "one.alice.example", "bob": "bob.example"}


@pytest.fixture
def start(address, tmp_path, authority):
    """Starts a server, and for each client its site; returns the routed port, the sites and their
    certificates."""
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(EchoSocket(address.host))

        def start(entry):
            shared = RoutedPort(address, tmp_path, stack, entry, log={"visitors": True})
            sites, certificates = {}, []
            for client, name in NAMES.items():
                own = authority.issue(f"DNS:{name}")
                place = f"{address.host}:{address.free_port()}"
                site = Website(tmp_path / f"site-{client}", place, echo.place, certificate=own)
                sites[client] = stack.enter_context(site)
                certificates.append(own)
                shared.client(client, name, local=place)
            return shared, sites, certificates

        yield start


@pytest.mark.timeout(120)
def test_two_sites_over_https(start, address, tmp_path):
    """TLS ends at the sites, and the browser goes from one to the other."""
    shared, sites, certificates = start({"route": [{"use": "sni"}]})
    uris = {client: f"https://{name}:{shared.port}/" for client, name in NAMES.items()}
    sites["alice"].write_page("the site of alice", onward=uris["bob"])
    sites["bob"].write_page("the site of bob")
    hosts = dict.fromkeys(NAMES.values(), address.host)
    with chromium(tmp_path, uris["alice"], hosts, certificates):
        for client, site in sites.items():
            found = wait_until(lambda: site.found, f"the page of {client}", timeout=40)
            assert found == {
                "title": f"the site of {client}",
                "protocol": "h2",
                "said": f"from {NAMES[client]}",
            }
    for client, site in sites.items():
        wait_until(
            lambda: (NAMES[client], "HTTP/1.1", "101", "/socket") in site.requests,
            f"the end of the web socket of {client}",
        )
        assert {host for host, *_ in site.requests} == {NAMES[client]}
        assert (NAMES[client], "HTTP/2.0", "200", "/") in site.requests
        shared.server.process.wait_for(rf"visitor ended .*identity={client}")
    assert shared.refused("unknown_host") == shared.refused("no_host") == 0
