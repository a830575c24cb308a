"""A name service, dnsmasq, whose names a test moves, and processes that ask no other one."""

import signal
import subprocess

import pytest

from .peers import installed_program
from .process import Process


class Names:
    """Answers for *.test; every other name of that kind does not exist.

    within  prefix of commands that ask this service: a mount namespace with files of its own
    """

    def __init__(self, host, folder):
        self.host = host
        self._hosts = folder / "names"
        self._read = 0
        resolv, switch = folder / "resolv.conf", folder / "nsswitch.conf"
        resolv.write_text(f"nameserver {host}\n", encoding="ascii")
        switch.write_text("hosts: dns\n", encoding="ascii")
        mounts = (
            f"mount --bind {resolv} /etc/resolv.conf && mount --bind {switch} /etc/nsswitch.conf"
        )
        script = f'{mounts} && exec "$@"'
        self.within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        self._process = None

    def __enter__(self):
        program = installed_program("dnsmasq", "dnsmasq-base")
        possible = subprocess.run([*self.within, "true"], capture_output=True, text=True)
        if possible.returncode != 0:
            pytest.skip(f"SKIPPED: no mount namespace may be made here: {possible.stderr.strip()}")
        self._hosts.write_text("", encoding="ascii")
        options = [
            "--no-daemon",
            "--conf-file=/dev/null",
            "--pid-file",
            "--user=root",
            "--bind-interfaces",
            f"--listen-address={self.host}",
            "--no-resolv",
            "--no-hosts",
            "--no-round-robin",
            f"--addn-hosts={self._hosts}",
            "--local=/test/",
        ]
        self._process = Process([program, *options], name="dnsmasq")
        self._await_reading()
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.close()

    def _await_reading(self):
        self._read += 1
        self._process.wait_for(rf"read {self._hosts}", times=self._read)

    def publish(self, **places):
        """From now on NAME.test is at this address, or these; all other names are gone."""
        hosts = {
            name: [place] if isinstance(place, str) else place for name, place in places.items()
        }
        lines = [f"{host} {name}.test\n" for name in hosts for host in hosts[name]]
        self._hosts.write_text("".join(lines), encoding="ascii")
        self._process.signal(signal.SIGHUP)
        self._await_reading()

    def hang(self):
        """Answers nothing until wake()."""
        self._process.signal(signal.SIGSTOP)

    def wake(self):
        self._process.signal(signal.SIGCONT)

    def end(self):
        """From now on nobody listens at the service's port."""
        self._process.close()
