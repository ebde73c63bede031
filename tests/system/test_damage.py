"""Disks that are full or read-only, and states that are not as they were written: a clear refusal, and files untouched."""

import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

from harness import binary

SEED = 4
FLIPS = 25
CONFIGURATION = 'resource "ha_data" "it" {\n  count = %d\n  input = "%s"\n}\n'


class Place:
    """A directory with a state of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "home").mkdir()
        self.work = self.folder / "work"
        self.work.mkdir()

    def ha(self, *words):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder / "home")}
        return subprocess.run(
            [binary(), *words], cwd=self.work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def write(self, count, text):
        (self.work / "main.hcl").write_text(CONFIGURATION % (count, text))

    def apply(self, count, text):
        self.write(count, text)
        return self.ha("apply", "--yes")

    def files(self):
        """All of the state, byte for byte."""
        return {it.name: it.read_bytes() for it in sorted((self.work / ".ha").glob("ha.state*")) if it.name != "ha.state.lock"}

    def key(self):
        [key] = (self.folder / "home" / ".config" / "ha" / "keys").iterdir()
        return key


class Damage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="ha-damage-")
        self.addCleanup(shutil.rmtree, folder)
        self.place = Place(folder)

    def made(self):
        """A place whose state has a checkpoint, and one before it."""
        for text in "first", "second":
            self.assertEqual(self.place.apply(3, text).returncode, 0)
        self.place.write(3, "third")
        return self.place

    def expect_refusal(self, place, *words):
        before = place.files()
        for command in ("state", "list"), ("plan",), ("apply", "--yes"), ("destroy", "--yes"):
            refused = place.ha(*command)
            self.assertEqual(refused.returncode, 1, f"{command}: {refused.stdout}")
            self.assertIn("error", refused.stderr)
            self.assertIn("help: ", refused.stderr)
            for word in words:
                self.assertIn(word, refused.stderr)
            self.assertEqual(place.files(), before, f"{command} has changed something")

    def spoil(self, change, *words):
        place = self.made()
        path = place.work / ".ha" / "ha.state"
        whole = path.read_bytes()
        path.write_bytes(change(whole))
        self.expect_refusal(place, *words)
        path.write_bytes(whole)
        self.assertEqual(place.ha("apply", "--yes").returncode, 0)

    def test_a_state_that_is_cut_off(self):
        for kept in 0, 1, 20, 48, 100, -1:
            with self.subTest(kept=kept):
                self.spoil(lambda whole, kept=kept: whole[:kept])

    def test_a_flipped_bit_anywhere(self):
        place, chance = self.made(), random.Random(SEED)
        path = place.work / ".ha" / "ha.state"
        whole = path.read_bytes()
        for _ in range(FLIPS):
            bit = chance.randrange(len(whole) * 8)
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            with self.subTest(bit=bit):
                refused = place.ha("apply", "--yes")
                self.assertEqual(refused.returncode, 1, refused.stdout)
                self.assertIn("restore", refused.stderr)
                self.assertEqual(path.read_bytes(), flipped)
        path.write_bytes(whole)
        self.assertEqual(place.ha("apply", "--yes").returncode, 0)

    def test_a_later_format(self):
        def later(whole):
            head = bytearray(whole[:44])
            head[16:20] = struct.pack("<I", 99)
            return bytes(head) + struct.pack("<I", zlib.crc32(head)) + whole[48:]

        self.spoil(later, "format 99")

    def test_a_file_of_somebody_else(self):
        self.spoil(lambda _: b'{"version": 4, "terraform_version": "1.11.4"}', "no checkpoint of `ha`")

    def test_a_plan_of_another_state(self):
        place = self.made()
        with tempfile.TemporaryDirectory(prefix="ha-damage-") as folder:
            other = Place(folder)
            other.apply(2, "other")
            lineage = other.key().stem
            # With its key at hand, so that nothing but the lineage is wrong.
            shutil.copy(other.key(), place.key().parent)
            mine = place.work / ".ha" / "ha.state"
            plan = other.work / "plan.ha"
            other.write(2, "another")
            self.assertEqual(other.ha("plan", "--out", plan.name).returncode, 0)
            shutil.copy(plan, place.work)
            before = mine.read_bytes()
            refused = place.ha("apply", "plan.ha")
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn(lineage, refused.stderr)
            self.assertEqual(mine.read_bytes(), before)

    def test_a_key_that_is_missing_or_another(self):
        place = self.made()
        key = place.key()
        mine = key.read_text()
        key.unlink()
        self.expect_refusal(place, key.name)
        new = place.ha("state", "key", "--new")
        self.assertEqual(new.returncode, 0, new.stderr)
        key.write_text(new.stdout)
        key.chmod(0o600)
        self.expect_refusal(place, "sealed with key")
        key.write_text(mine)
        self.assertEqual(place.ha("apply", "--yes").returncode, 0)

    def mount(self, *options):
        """A small disk under the place's state."""
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        disk = self.place.work / ".ha"
        disk.mkdir()
        made = ",".join(["size=3m", f"uid={os.geteuid()}", "mode=700", *options])
        subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", made, "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, [*as_root, "umount", "-l", disk], check=True)
        self.remount = lambda how: subprocess.run([*as_root, "mount", "-o", f"remount,{how}", disk], check=True)
        return disk

    def test_a_full_disk(self):
        disk, place = self.mount(), self.place
        self.assertEqual(place.apply(3, "small").returncode, 0)
        filler = disk / "filler"
        for free in 0, 4, 100, 500, 1100:
            room = os.statvfs(disk)
            filler.write_bytes(bytes(max(0, room.f_bavail * room.f_bsize - free * 1024)))
            before = self.recorded()
            refused = place.apply(40, "x" * 20_000 + str(free))
            with self.subTest(free=free):
                self.assertEqual(refused.returncode, 1, refused.stdout)
                self.assertIn("No space left on device", refused.stderr)
                self.assertIn("make room on the disk", refused.stderr)
                self.assertLessEqual(before, self.recorded(), "nothing that was recorded is lost")
            filler.unlink()
        self.assertEqual(place.apply(3, "small again").returncode, 0)
        self.assertEqual(place.ha("plan", "--detailed-exitcode").returncode, 0)

    def recorded(self):
        listed = self.place.ha("state", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return set(listed.stdout.split())

    def test_a_read_only_disk(self):
        disk, place = self.mount(), self.place
        self.assertEqual(place.apply(3, "one").returncode, 0)
        self.remount("ro")
        before = place.files()
        refused = place.apply(4, "two")
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("Read-only file system", refused.stderr)
        self.assertEqual(place.files(), before)
        self.assertEqual(place.ha("plan", "--detailed-exitcode").returncode, 2, "what reads needs no lock")
        self.remount("rw")
        self.assertEqual(place.apply(4, "two").returncode, 0)
        self.assertTrue(disk.is_dir())


if __name__ == "__main__":
    unittest.main()
