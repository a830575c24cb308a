"""What several files of tests here share."""

import pytest

from harness.postgres import Postgres


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
