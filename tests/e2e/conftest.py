"""Servers with a configuration file, and TLS servers."""

import json

import pytest


@pytest.fixture
def configured_server(start_server, tmp_path):
    """Starts a server with these sections in its file; other keywords as for start_server."""

    def start(*flags, config, **options):
        path = tmp_path / "server.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return start_server(
            extra=["--config", str(path), "--log-level", "debug", *flags], **options
        )

    return start


@pytest.fixture
def certificate(authority, address):
    """A valid certificate for this test's address and for the name tunnel.example."""
    return authority.issue(f"IP:{address.host}", "DNS:tunnel.example")


@pytest.fixture
def tls_server(configured_server, certificate):
    """Starts a TLS server with a valid certificate.

    `tls` are more options of the transport, `config` more sections of the file; the rest is as for
    configured_server."""

    def start(*flags, tls=None, config=None, **options):
        entry = {
            "use": "tls",
            "certfile": certificate.path,
            "keyfile": certificate.key,
            **(tls or {}),
        }
        return configured_server(*flags, config={"transport": [entry], **(config or {})}, **options)

    return start
