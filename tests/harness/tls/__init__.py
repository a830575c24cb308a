"""TLS by other implementations: Python's ssl module and the openssl program."""

import socket
import ssl
import subprocess

from ..scale import seconds
from ..sockets import connect
from ..wire import Wire


def client_context(authority, certificate=None, **settings):
    """A client's context: its authority and certificate; `settings` are attributes of it."""
    context = ssl.create_default_context(cafile=authority.path)
    if certificate:
        context.load_cert_chain(certificate.path, certificate.key)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def dial_with(server, context, session=None):
    """A Wire over Python's TLS; `session` comes from an earlier Wire with the same context.

    A stream that ends without close_notify raises ssl.SSLEOFError."""
    sock = connect(*server.control)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = server.control[0]
    return Wire(
        context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False, session=session)
    )


def dial(server, authority, certificate=None, **settings):
    """A Wire with a new context; see client_context() and dial_with()."""
    return dial_with(server, client_context(authority, certificate, **settings))


def s_client(server, *arguments, said=""):
    """Runs openssl s_client against the control port; returns (status, output)."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % server.control, *map(str, arguments)],
        input=said,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds(20),
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
