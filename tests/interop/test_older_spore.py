"""A Spore of before connections carried one visitor after another, on either end."""

import os
import pathlib

import pytest

from harness.peers import spore_client
from harness.services import Echo
from harness.visitors import connected, exchange_all, finish_all, one_exchange

OLDER = "02a510c"  # as in tests/lib/older.sh


@pytest.fixture
def older():
    """The folder of its build."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = pathlib.Path(cache) / "spore-peers" / f"spore-{OLDER}" / "build"
    if not os.access(folder / "spore", os.X_OK):
        message = f"NO OLDER SPORE in {folder}: let tests/run build it"
        if os.environ.get("CI") == "true":
            pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
        pytest.skip(message)
    return str(folder)


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("old_end", ["server", "client"])
@pytest.mark.over_tls_too
def test_visitors(older, monkeypatch, start_server, old_end, ahead):
    present = os.environ.get("SPORE_BUILD") or ""
    extra = ["--ahead", str(ahead)] if ahead else []
    builds = {"server": present, "client": present, old_end: older}
    monkeypatch.setenv("SPORE_BUILD", builds["server"])
    with Echo() as service, start_server(secret="s3cret") as server:
        monkeypatch.setenv("SPORE_BUILD", builds["client"])
        with spore_client(server.control, service.port, secret="s3cret", extra=extra) as client:
            for turn in range(20):
                data = b"%d" % turn * (500 * turn + 1)
                assert one_exchange(server.public_host, client.port, data) == data
            with connected(server.public_host, client.port, 10) as visitors:
                exchange_all(visitors)
                finish_all(visitors)
