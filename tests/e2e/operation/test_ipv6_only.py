"""A server at `::` takes IPv4 clients and visitors, too, where the system makes `::` IPv6 only."""

from harness.network import FarNetwork
from harness.peers import spore_server
from harness.sockets import connect
from harness.wire import Wire


def test_the_wildcard_takes_ipv4():
    with FarNetwork() as network:
        network.set("net.ipv6.bindv6only", 1)
        with spore_server("::", control_port=7835, within=network.within):
            with Wire.connect((network.there, 7835)) as client:
                port = client.hello()
                with connect(network.there, port):
                    assert client.connection()
