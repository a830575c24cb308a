"""haproxy and nginx as proxies in front of a server that tell it their client (PROXY protocol), and
headers as such proxies send them."""

import contextlib
import os
import pathlib
import socket
import struct

import pytest

from .loopback import LEASE_PORT
from .peers import installed_program
from .process import Process
from .waiting import wait_until

KINDS = ["haproxy-v1", "haproxy-v2", "haproxy-v2-checksum", "nginx"]

_HAPROXY_OPTIONS = {
    "haproxy-v1": "send-proxy",
    "haproxy-v2": "send-proxy-v2",
    "haproxy-v2-checksum": "send-proxy-v2 proxy-v2-options crc32c,unique-id",
}

_HAPROXY = """
global
    log stdout format raw local0
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 2s
    log global
frontend near
    bind {listen}
    unique-id-format %[uuid]
    default_backend far
backend far
    server it {to} source {source} {options}
"""

_NGINX_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
_NGINX = """
{load}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
stream {{
    server {{
        listen {listen};
        proxy_pass {to};
        proxy_bind {source};
        proxy_protocol on;
        proxy_half_close on;
    }}
}}
"""


def text(address):
    """HOST:PORT, or [HOST]:PORT."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _nginx(folder, listen, to, source):
    path = pathlib.Path(folder, "nginx.conf")
    load = f"load_module {_NGINX_MODULE};" if os.path.exists(_NGINX_MODULE) else ""
    path.write_text(
        _NGINX.format(folder=folder, load=load, listen=text(listen), to=text(to), source=source)
    )
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    program = installed_program("nginx", "nginx-light")
    if not load and os.environ.get("CI") != "true":
        pytest.skip("NO stream module of nginx: install the package libnginx-mod-stream")
    return [program, "-p", folder, "-c", path]


def _haproxy(folder, listen, to, source, options):
    path = pathlib.Path(folder, "haproxy.cfg")
    own = f"[{source}]" if ":" in source else source
    path.write_text(_HAPROXY.format(listen=text(listen), to=text(to), source=own, options=options))
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    return [installed_program("haproxy", "haproxy"), "-db", "-f", path]


@contextlib.contextmanager
def front(kind, folder, listen, to, source, options=""):
    """A proxy at `listen` that connects to the server `to` from the address `source`. `options` are
    more options of haproxy's server line."""
    if kind == "nginx":
        argv = _nginx(folder, listen, to, source)
    else:
        argv = _haproxy(folder, listen, to, source, f"{_HAPROXY_OPTIONS[kind]} {options}")
    with Process(argv, name=kind) as process:
        wait_until(lambda: not process.running or _listens(listen), f"{kind} to listen")
        assert process.running, process.log()
        yield process


def _listens(address):
    """Whether the port is taken. A connection would reach the server."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return True
    return False


@contextlib.contextmanager
def lease_of_ipv6():
    """::1 is the only IPv6 address of loopback, so one test at a time has bore's port there."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as lease:

        def take():
            with contextlib.suppress(OSError):
                lease.bind(("::1", LEASE_PORT))
                return True

        wait_until(take, "the lease of ::1", timeout=60)
        yield "::1"


# ---- headers ----

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEALTH_CHECKS = {"v1": b"PROXY UNKNOWN\r\n", "v2": SIGNATURE + b"\x20\0\0\0"}


def line(client, port=40000):
    """A header of version 1 for a client at this address."""
    kind, here = ("TCP6", "::1") if ":" in client else ("TCP4", "127.0.0.1")
    return f"PROXY {kind} {client} {here} {port} 7835\r\n".encode()


def binary(client, port=40000, values=b""):
    """A header of version 2."""
    family, kind, here = (
        (socket.AF_INET6, 0x21, "::1") if ":" in client else (socket.AF_INET, 0x11, "127.0.0.1")
    )
    body = socket.inet_pton(family, client) + socket.inet_pton(family, here)
    body += struct.pack(">HH", port, 7835) + values
    return SIGNATURE + bytes([0x21, kind]) + struct.pack(">H", len(body)) + body
