"""--sndbuf and --recbuf apply before listen and connect; a warning names the limiting sysctl."""

import pytest

from harness.bulk import Sending, receive_pattern
from harness.peers import spore_client
from harness.scale import MIB, size
from harness.services import Inbox
from harness.sockets import connect
from harness.wire import Tunnel

CAPS = {"--sndbuf": "net.core.wmem_max", "--recbuf": "net.core.rmem_max"}
FAR_TOO_MUCH = 1000000000

both_flags = pytest.mark.parametrize("flag", sorted(CAPS))


@both_flags
def test_server_warns_of_a_cap(start_server, flag):
    with start_server(extra=[flag, FAR_TOO_MUCH], drop_capabilities=["net_admin"]) as server:
        server.process.wait_for(CAPS[flag].replace(".", r"\."), stream="stderr")
        with Tunnel(server) as tunnel:
            visitor, far = tunnel.join()
            visitor.close()
            far.close()


@both_flags
def test_client_warns_of_a_cap(server, flag):
    with Inbox() as service:
        with spore_client(
            server.control,
            service.port,
            extra=[flag, FAR_TOO_MUCH],
            drop_capabilities=["net_admin"],
        ) as client:
            client.process.wait_for(CAPS[flag].replace(".", r"\."), stream="stderr")


def test_sizes_that_fit_cause_no_warning(start_server):
    extra = ["--sndbuf", 65536, "--recbuf", 65536]
    with start_server(extra=extra) as server, Inbox() as service:
        with spore_client(server.control, service.port, extra=extra) as client:
            with connect(server.public_host, client.port) as visitor:
                total = size(8 * MIB)
                sending = Sending(visitor, total)
                assert receive_pattern(service.take(), total) == (total, sending.result())
            for process in (server.process, client.process):
                assert not any("mem_max" in line for line in process.lines)


def test_flat_keys(tmp_path, start_server):
    path = tmp_path / "spore.json"
    path.write_text('{"sndbuf": %d}' % FAR_TOO_MUCH, encoding="ascii")
    with start_server(extra=["--config", path], drop_capabilities=["net_admin"]) as server:
        server.process.wait_for(r"net\.core\.wmem_max", stream="stderr")
