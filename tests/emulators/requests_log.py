"""The requests that changed the emulated world, kept so that it can be built again.

One line of JSON per request, synced before the client hears of success. Passwords in requests are
replaced before they are written; bodies that are not forms (the bucket's objects) lie in files of
their own, so that the log can be read by anybody who may not read those.
"""

import hashlib
import json
import os
import re
from urllib.parse import parse_qsl, urlencode

from authority import write_private

WITHHELD = "withheld-from-the-log"
# Headers about the connection or the client; and those that let a request be repeated by a stranger.
LEFT_OUT = {
    "connection",
    "content-length",
    "transfer-encoding",
    "expect",
    "user-agent",
    "accept",
    "accept-encoding",
    "x-amz-security-token",
}


class RequestsLog:
    def __init__(self, folder):
        self.path = folder / "requests.log"
        self.bodies = folder / "objects"
        self.bodies.mkdir(mode=0o700, exist_ok=True)
        # A last line without its end was never acknowledged.
        whole = self._whole_lines()
        self._file = open(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        self._file.truncate(len(whole))
        self._file.seek(0, os.SEEK_END)

    def read(self):
        """What was kept, oldest first."""
        return [json.loads(line) for line in self._whole_lines().splitlines()]

    def body(self, entry):
        if "form" in entry:
            return entry["form"].encode()
        return (self.bodies / entry["body"]).read_bytes() if "body" in entry else b""

    def append(self, seed, time, method, uri, headers, body):
        entry = {"seed": seed, "time": time, "method": method, "uri": uri, "headers": _kept(headers)}
        if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            entry["form"] = without_passwords(body.decode())
        elif body:
            entry["body"] = hashlib.sha256(body).hexdigest()
            write_private(self.bodies / entry["body"], body)
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def _whole_lines(self):
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        return content[: content.rfind(b"\n") + 1]


def without_passwords(form):
    fields = parse_qsl(form, keep_blank_values=True)
    return urlencode([(name, WITHHELD if name.endswith("Password") else value) for name, value in fields])


def _kept(headers):
    kept = {
        name: value for name, value in headers.items() if name.lower() not in LEFT_OUT and not name.lower().startswith("amz-sdk-")
    }
    if "Authorization" in kept:
        # The emulator reads region and service from it, and nothing else.
        kept["Authorization"] = re.sub(r"Signature=[0-9a-f]+", "Signature=0", kept["Authorization"])
    return kept
