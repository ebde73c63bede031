"""Secrets that are looked for everywhere: in files, in what commands print, in command lines and environments."""

import base64
import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from harness import Watcher, binary, forms

CANARIES = pathlib.Path(__file__).with_name("canaries")
SECRETS = (CANARIES / "secrets.txt").read_text().split()


class Hunt(unittest.TestCase):
    # What has to be in clear, because a server or the configuration's author reads it there.
    in_clear = {"canaries.auto.hclvars.json", "broken.hcl"}
    # What must be there to be looked at.
    expected = {"ha.state"}

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-canaries-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("configuration", "home", "transcripts"):
            (cls.folder / name).mkdir()
        cls.configuration = cls.folder / "configuration"
        cls.watcher = Watcher()
        # Every secret by its name.
        cls.known = {}
        cls.commands = 0

    def ha(self, *words, expect=0, in_clear=False, **environment):
        # What is given in the environment is in that of the process, too, which is its owner's.
        watching = contextlib.nullcontext() if environment else self.watcher.watching()
        environment |= {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}
        environment |= {"HA_LOG": "trace", "HA_LOG_FILE": str(self.folder / "transcripts" / "ha.log")}
        with watching:
            done = subprocess.run(
                [binary(), *words], cwd=self.configuration, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )  # fmt: skip
        self.assertIn(done.returncode, (expect,) if isinstance(expect, int) else expect, f"{words}\n{done.stdout}\n{done.stderr}")
        if not in_clear:
            type(self).commands += 1
            name = "-".join(word for word in words if word[:1].isalpha()).replace("/", "-")[:40]
            (self.folder / "transcripts" / f"{self.commands:03}-{name}.txt").write_text(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def nothing_is_told(self, elsewhere=()):
        """No canary is in a file, in a process, or in what is kept elsewhere: pairs of a name and what it holds."""
        kept = sorted(path for path in self.folder.rglob("*") if path.is_file())
        names = {path.name for path in kept}
        for expected in self.expected:
            self.assertIn(expected, names)
        written = {canary: forms(secret) | {secret.encode().hex().encode()} for canary, secret in self.known.items()}
        found = []
        for path in kept:
            name = str(path.relative_to(self.configuration)) if self.configuration in path.parents else path.name
            if name not in self.in_clear and "mongo/data" not in name:
                found += self.holders(path.read_bytes(), written, name)
        for what, content in self.watcher.seen:
            found += self.holders(content, written, f"the {what} of {content[:60]!r}")
        for name, content in elsewhere:
            found += self.holders(content, written, name)
        self.assertEqual(found, [])

    @staticmethod
    def holders(content, written, where):
        return [f"{where} holds {canary} as {it}" for canary, all in written.items() for it in all if it in content]



def all_spellings(secret):
    """What a service may make of a secret that it repeats."""
    encoded = [base64.b64encode(f"{before}{secret} and more".encode()).decode() for before in ("", "a", "ab")]
    quoted = [urllib.parse.quote(secret), urllib.parse.quote_plus(secret), json.dumps(secret), shlex.quote(secret), repr(secret)]
    return " ".join([secret, *quoted, secret.encode().hex(), *encoded])
