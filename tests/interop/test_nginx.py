"""auth_http asks a service behind a real nginx: over HTTP/2, and while nginx hangs and returns."""

import signal
import time

from harness.nginx import Nginx
from harness.scale import seconds
from harness.waiting import wait_until
from harness.web_service import (
    SECRETS,
    UNAVAILABLE,
    WebService,
    asking_server,
    judge,
    refusal,
    results,
)
from harness.wire import Tunnel, Wire, answer

HTTP2 = "HTTP/2.0"


def test_http2_and_a_stopped_nginx(address, authority, tmp_path):
    certificate = authority.issue("DNS:localhost")
    port = address.free_port()
    options = {"cacertfile": authority.path, "timeout": "1s", "breaker_failures": 2}
    with WebService((address.host, 0), judge()) as service:
        upstream = f"{address.host}:{service.port}"
        with Nginx(tmp_path, "127.0.0.1", port, certificate, upstream) as nginx:
            url = f"https://localhost:{port}/verify"
            with asking_server(address, tmp_path, url, workers=1, **options) as server:
                crowd = [Wire.connect(server.control) for _ in range(30)]
                for wire in crowd:
                    tag = answer(SECRETS["alice"], wire.receive()["Challenge"])
                    wire.send({"Authenticate": tag}, {"Hello": 0})
                for wire in crowd:
                    assert "Hello" in wire.receive_but_heartbeats()
                    wire.close()
                # All of them went over one connection.
                assert {protocol for protocol, _, _ in nginx.requests} == {HTTP2}
                assert len({connection for _, connection, _ in nginx.requests}) == 1

                nginx.process.signal(signal.SIGSTOP)
                for _ in range(3):
                    assert refusal(server, SECRETS["alice"]) == UNAVAILABLE
                assert results(server) == {"replied": 30, "timeout": 2, "suspended": 1}
                nginx.process.signal(signal.SIGCONT)
                began = time.monotonic()
                wait_until(lambda: refusal(server, SECRETS["alice"]) is None, "a client to get in")
                assert time.monotonic() - began < seconds(2)
                Tunnel(server, secret=SECRETS["bob"]).wire.close()
