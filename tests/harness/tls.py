"""TLS by other hands: Python's ssl module and the openssl program."""

import socket
import ssl
import subprocess

from .scale import seconds
from .sockets import connect
from .wire import Wire


def dial(server, authority, certificate=None, **settings):
    """A Wire over Python's own TLS to a server; `settings` are attributes of the context.

    A stream that ends without TLS's end raises ssl.SSLEOFError."""
    context = ssl.create_default_context(cafile=authority.path)
    if certificate:
        context.load_cert_chain(certificate.path, certificate.key)
    for name, value in settings.items():
        setattr(context, name, value)
    sock = connect(*server.control)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(context.wrap_socket(sock, server_hostname=server.control[0], suppress_ragged_eofs=False))


def s_client(server, *arguments, said=""):
    """Runs openssl s_client against the server's control port: (status, all it wrote)."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % server.control, *map(str, arguments)],
        input=said, capture_output=True, text=True, errors="replace", timeout=seconds(20), check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
