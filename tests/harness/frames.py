"""The list of frames that bore 0.6.0 accepts and refuses, tests/interop/frames.json.

An entry has `direction` ("client->server" or "server->client"), the frame without its NUL as
`text` or, where it is not UTF-8, as `hex`; `accepted`; a `note`; and, when accepted, `variant`
and the decoded `value`: a number, a string, a UUID in its canonical form, or null for Heartbeat.
A string with a NUL inside is given as `value_hex`, the hex of its UTF-8.
HelloEx is not in the list: bore refuses it and spore's server does not.
"""

import json
import pathlib

PATH = pathlib.Path(__file__).resolve().parents[1] / "interop" / "frames.json"
TO_SERVER = "client->server"
TO_CLIENT = "server->client"


def load(direction, accepted=None):
    """The entries of one direction: the accepted ones, the refused ones, or all."""
    entries = json.loads(PATH.read_text(encoding="ascii"))
    return [
        entry
        for entry in entries
        if entry["direction"] == direction and accepted in (None, entry["accepted"])
    ]


def raw(entry):
    """The frame's bytes, without the NUL."""
    return bytes.fromhex(entry["hex"]) if "hex" in entry else entry["text"].encode()


def value(entry):
    if "value_hex" in entry:
        return bytes.fromhex(entry["value_hex"]).decode()
    return entry["value"]


def means_end(entry):
    """Whether bore treats the frame as the end of the stream instead of as unparsable."""
    return raw(entry).strip() == b"null"
