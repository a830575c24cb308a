"""Chromium without a screen."""

import base64
import contextlib

from .peers import installed_program
from .process import Process

_FLAGS = [
    "--headless=new",
    # Root may not have the sandbox. All pages are ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # It asks nobody for anything but our pages.
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
]


def _key_digest(certificate):
    """As --ignore-certificate-errors-spki-list wants it."""
    digest = bytes.fromhex(certificate.pin().partition(":")[2])
    return base64.b64encode(digest).decode()


@contextlib.contextmanager
def chromium(folder, uri, hosts, certificates):
    """A browser that opens the page. hosts: the address of each name; there are no other names.
    It trusts these certificates."""
    rules = [f"MAP {name} {address}" for name, address in hosts.items()]
    keys = ",".join(map(_key_digest, certificates))
    argv = [
        installed_program("chromium", "chromium"),
        *_FLAGS,
        f"--user-data-dir={folder}/profile",
        f"--host-resolver-rules={','.join([*rules, 'MAP * ~NOTFOUND'])}",
        f"--ignore-certificate-errors-spki-list={keys}",
        uri,
    ]
    with Process(argv, name="chromium", env={"HOME": str(folder)}) as process:
        yield process
        process.terminate()
        process.wait()
