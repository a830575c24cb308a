"""haproxy and stunnel as proxies that add TLS to a connection or remove it."""

import contextlib
import os
import pathlib
import shutil
import socket
import time

import pytest

from ..process import Process
from ..scale import seconds

KINDS = ["haproxy", "stunnel"]

_HAPROXY = """
global
    log stdout format raw local0
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen it
    bind {listen} {bind_options}
    server far {to} {server_options}
"""

_STUNNEL = """
foreground = yes
pid =
output = /dev/stderr
[it]
client = {client}
accept = {listen}
connect = {to}
{options}
"""


def _find(name):
    """The path of the program. If it is missing the test is skipped, or fails if CI=true."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if path:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed (CI=true: it must be)", pytrace=False)
    pytest.skip(f"{name} is not installed")


def _wait_until_it_listens(process, address):
    deadline = time.monotonic() + seconds(10)
    while True:
        try:
            with socket.create_connection(address, timeout=1):
                return
        except OSError:
            assert process.running and time.monotonic() < deadline, process.log()
            time.sleep(0.02)


@contextlib.contextmanager
def _run(argv, listen):
    with Process(argv) as process:
        _wait_until_it_listens(process, listen)
        yield process


def _text(address):
    return "%s:%d" % address


@contextlib.contextmanager
def _haproxy(folder, listen, to, bind_options="", server_options=""):
    path = pathlib.Path(folder, "haproxy.cfg")
    path.write_text(
        _HAPROXY.format(
            listen=_text(listen),
            to=_text(to),
            bind_options=bind_options,
            server_options=server_options,
        )
    )
    with _run([_find("haproxy"), "-db", "-f", str(path)], listen) as process:
        yield process


@contextlib.contextmanager
def _stunnel(folder, listen, to, client, options):
    path = pathlib.Path(folder, "stunnel.conf")
    path.write_text(
        _STUNNEL.format(
            listen=_text(listen), to=_text(to), client=client, options="\n".join(options)
        )
    )
    with _run([_find("stunnel"), str(path)], listen) as process:
        yield process


def ends_tls(kind, folder, listen, to, certificate):
    """A proxy that listens with TLS and forwards plain text to `to`."""
    if kind == "stunnel":
        return _stunnel(
            folder, listen, to, "no", [f"cert = {certificate.path}", f"key = {certificate.key}"]
        )
    both = pathlib.Path(folder, "both.pem")
    both.write_text(
        pathlib.Path(certificate.path).read_text() + pathlib.Path(certificate.key).read_text()
    )
    return _haproxy(folder, listen, to, bind_options=f"ssl crt {both}")


def begins_tls(kind, folder, listen, to, authority):
    """A proxy that listens without TLS and forwards with TLS to `to`. It checks the address."""
    if kind == "stunnel":
        return _stunnel(
            folder,
            listen,
            to,
            "yes",
            [f"CAfile = {authority.path}", "verifyChain = yes", f"checkIP = {to[0]}"],
        )
    return _haproxy(
        folder, listen, to, server_options=f"ssl verify required ca-file {authority.path}"
    )
