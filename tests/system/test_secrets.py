"""No password lies where it should not, however it is written."""

import pathlib
import unittest

from harness import forms, postgresql_homes, shared_system


class Secrets(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()
        self.passwords = self.system.passwords()
        # What there is to find, so that finding nothing means something.
        self.assertEqual(len(self.passwords), 7)
        self.assertIn(self.passwords["passphrase"].encode(), self.system.file_for_services("settings.conf").replace(b'\\"', b'"'))

    def assert_free_of_secrets(self, content, where):
        for name, password in self.passwords.items():
            for written in forms(password):
                self.assertFalse(written in content, f"{where} holds the password `{name}`, written as {len(written)} bytes")

    def test_in_no_file(self):
        plan = self.system.folder / "plan.ha"
        with self.system.edited("services.hcl", '"placeholder-oauth-client-secret"', '"changed"'):
            self.system.ha("plan", "--out", str(plan))
        kept = [plan, *self.files(self.system.configuration), *self.files(self.system.folder / "transcripts")]
        kept += [path for home in postgresql_homes.homes(self.system.work / "outside").iterdir() for path in home.glob("*.log")]
        names = {path.name for path in kept}
        for expected in ("plan.ha", "emulator.log", "requests.log", "mongod.log", "server.log"):
            self.assertIn(expected, names)
        self.assertTrue(set(self.system.state_files()) <= set(kept), "the state was not looked at")
        for path in kept:
            self.assert_free_of_secrets(path.read_bytes(), path)

    def test_in_no_process(self):
        self.system.ha("plan")
        self.assertTrue(any(b"mongod" in content for _, content in self.system.watcher.seen))
        for name, content in self.system.watcher.seen:
            self.assert_free_of_secrets(content, f"the {name} of a process: {content[:60]!r}")

    def test_the_state_is_for_its_owner_only(self):
        for path in self.system.state_files():
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def files(self, folder):
        """All but the bucket's objects, which are meant to hold secrets, and the databases' own files."""
        left_out = {self.system.work / "outside" / "objects", *folder.glob("**/mongo/data")}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and not left_out & set(path.parents):
                yield path


if __name__ == "__main__":
    unittest.main()
