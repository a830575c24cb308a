"""What several files of tests here share."""

import pytest

from harness.postgres import Postgres
from harness.redis import NOTICES, Redis
from harness.stores import PostgresStore, RedisStore


@pytest.fixture(scope="session")
def running_postgres(authority):
    """One PostgreSQL for all tests of this process, since its start costs seconds."""
    server = Postgres(authority)
    yield server
    server.close()


@pytest.fixture
def postgres(running_postgres):
    """It runs, and has no client yet."""
    running_postgres.reset()
    return running_postgres


@pytest.fixture(params=["redis", "postgres"])
def store(request, address, tmp_path):
    """Each of the stores, without a client."""
    if request.param == "postgres":
        yield PostgresStore(request.getfixturevalue("postgres"))
        return
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as redis:
        yield RedisStore(redis)
