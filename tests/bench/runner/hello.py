"""The first message of a TLS client, which names the server that it wants (SNI)."""

import ssl

NAME = "bench.example"


def client_hello(name: str = NAME) -> bytes:
    sent = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()
