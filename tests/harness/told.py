"""nginx and haproxy as services that take a visitor's address from a PROXY header, and what they
answer: the visitor's address, and the one that it connected to."""

import contextlib
import os
import pathlib
import socket

from .peers import installed_program
from .process import Process
from .sockets import connect, read_to_end
from .waiting import wait_until

KINDS = ["nginx", "haproxy"]

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    server {{
        listen {listen} proxy_protocol;
        set_real_ip_from 127.0.0.0/8;
        set_real_ip_from unix:;
        real_ip_header proxy_protocol;
        root {folder};
        location = /who {{
            set $to "$proxy_protocol_server_addr $proxy_protocol_server_port";
            return 200 "$remote_addr $remote_port $to";
        }}
    }}
}}
"""

_HAPROXY = """
global
    log stdout format raw local0
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    log global
frontend service
    bind {listen} accept-proxy
    http-request return status 200 content-type text/plain lf-string "{answer}"
"""


_ANSWER = "%[src] %[src_port] %[dst] %[dst_port]"


def _argv(kind, folder, listen):
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    text = _NGINX if kind == "nginx" else _HAPROXY
    config = pathlib.Path(folder, f"{kind}.conf")
    config.write_text(text.format(folder=folder, listen=listen, answer=_ANSWER))
    if kind == "nginx":
        return [installed_program("nginx", "nginx-light"), "-p", folder, "-c", config]
    return [installed_program("haproxy", "haproxy"), "-db", "-f", config]


def _answers(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address) == 0


@contextlib.contextmanager
def told(kind, folder, place):
    """A service at `place`, which is (host, port) or the path of a socket. nginx also has the files
    of `folder`."""
    is_path = isinstance(place, str)
    prefix = "unix:" if is_path and kind == "nginx" else ""
    listen = prefix + place if is_path else f"{place[0]}:{place[1]}"
    family = socket.AF_UNIX if is_path else socket.AF_INET
    with Process(_argv(kind, folder, listen), name=kind) as process:
        wait_until(lambda: not process.running or _answers(family, place), f"{kind} to listen")
        assert process.running, process.log()
        yield process


def get(visitor, path="/who"):
    """Sends a request and reads the answer; returns its body."""
    visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n".encode())
    head, _, body = read_to_end(visitor).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return body


def what_it_is_told(host, port, source=None):
    """What the service says to a visitor of this address, split into words; and what is true."""
    with connect(host, port, source=source) as visitor:
        own, other = visitor.getsockname()[:2], visitor.getpeername()[:2]
        told_of = get(visitor).decode().split()
    return told_of, [own[0], str(own[1]), other[0], str(other[1])]
