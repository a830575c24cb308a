"""testssl finds no weakness in our TLS server with its default settings."""

import json
import subprocess

import pytest

from harness import peers
from harness.scale import seconds


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_above_low(address, authority, tmp_path):
    testssl = peers.installed_program("testssl", "testssl.sh")
    if peers.is_sanitized():
        pytest.skip("what it looks at does not depend on the build")
    own = authority.issue(f"IP:{address.host}")
    found = tmp_path / "found.json"
    with peers.spore_server(
        address, extra=["--tls", "--certfile", own.path, "--keyfile", own.key]
    ) as server:
        subprocess.run(
            [
                testssl,
                "--warnings",
                "off",
                "--quiet",
                "--color",
                "0",
                "--jsonfile",
                found,
                "--protocols",
                "--std",
                "--server-preference",
                "--fs",
                "--vulnerable",
                "%s:%d" % server.control,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds(200),
            check=False,
        )
    findings = {each["id"]: each for each in json.loads(found.read_text())}
    assert (
        findings["TLS1_3"]["severity"] == "OK" and findings["heartbleed"]["severity"] == "OK"
    ), "testssl has run its checks"
    # Findings about the openssl that testssl uses do not concern the server.
    findings.pop("engine_problem", None)
    wrong = [
        each for each in findings.values() if each["severity"] not in ("OK", "INFO", "DEBUG", "LOW")
    ]
    assert not wrong
