"""The passphrase of a state, asked for at the terminal."""

import os
import pathlib
import shutil
import tempfile
import unittest

from harness import binary
from started import CTRL_C, Started

MAIN = """
ha {
  encryption {
    ask_passphrase = true
  }
}
resource "ha_data" "this" {
  input = "this"
}
"""
PASSPHRASE = "six words drawn by dice: ü"
ASKED, AGAIN = "Passphrase of the state: ", "The same again, to be sure: "
COMMANDS = (["plan"], ["plan", "--json"], ["apply", "--yes"], ["apply", "--yes", "--json"], ["state", "list"], ["state", "rekey"])


class Asked(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-passphrase-"))
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("configuration", "home"):
            (self.folder / name).mkdir()
        self.configuration = self.folder / "configuration"
        (self.configuration / "main.hcl").write_text(MAIN)

    def started(self, *words, at_terminal=True):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "TERM": "xterm", "LANG": "C.UTF-8"}
        command = Started([binary(), *words], at_terminal, cwd=self.configuration, env=environment)
        self.addCleanup(command.__exit__)
        return command

    def ha(self, words, *answers, expect=0):
        """What a command prints that is answered so, each answer to the question before it."""
        command = self.started(*words)
        for question, answer in answers:
            command.sees(question)
            command.types(answer)
        self.assertEqual(command.ends(), expect, command.printed)
        self.assertTrue(command.shows_what_is_typed(), words)
        for _, answer in answers:
            self.assertNotIn(answer.strip()[:8] or "?", command.printed)
        self.assertEqual([command.printed.count(it) for it in (ASKED, AGAIN)], [[it[0] for it in answers].count(it) for it in (ASKED, AGAIN)])
        return command.printed

    def made(self):
        (self.configuration / "main.hcl").write_text(MAIN)
        self.ha(["apply", "--yes"], (ASKED, f"{PASSPHRASE}\r"), (AGAIN, f"{PASSPHRASE}\r"))
        return self.files()

    def files(self):
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def test_it_is_asked_for_twice_when_it_is_new_and_once_from_then_on(self):
        before = self.made()
        self.assertTrue(any(path.name == "ha.state" for path in before))
        self.assertFalse(any(path.suffix == ".key" for path in before))
        for content in before.values():
            self.assertNotIn(PASSPHRASE.encode(), content)
        self.ha(["plan", "--detailed-exitcode"], (ASKED, f"{PASSPHRASE}\r"))
        self.assertIn("ha_data.this", self.ha(["state", "list"], (ASKED, f"{PASSPHRASE}\n")))
        self.ha(["apply", "--yes", "--replace=ha_data.this"], (ASKED, f"{PASSPHRASE}\r"))

    def test_a_wrong_one_is_refused_and_nothing_is_touched(self):
        before = self.made()
        for words in COMMANDS:
            said = self.ha(words, (ASKED, "no words drawn by dice\r"), expect=1)
            self.assertIn("the passphrase makes another", said)
            self.assertIn("give the passphrase that it was sealed with", said)
        self.assertEqual(self.files(), before)

    def test_what_cannot_be_a_passphrase_makes_nothing(self):
        before = self.files()
        for answers, told in (
            ([(ASKED, f"{PASSPHRASE}\r"), (AGAIN, f"{PASSPHRASE}!\r")], "the second was not the same as the first"),
            ([(ASKED, "too short\r"), (AGAIN, "too short\r")], "fewer than 16"),
            ([(ASKED, "\x04")], "there is no one to ask"),
        ):
            self.assertIn(told, self.ha(["apply", "--yes"], *answers, expect=1))
        nobody = self.started("apply", "--yes", at_terminal=False)
        self.assertEqual(nobody.ends(), 1)
        self.assertIn("there is no one to ask", nobody.printed)
        self.assertEqual(self.left(before), [])

    def test_ctrl_c_at_the_question_leaves_nothing(self):
        before = self.files()
        for answers in ([(ASKED, CTRL_C)], [(ASKED, f"begun {CTRL_C}")], [(ASKED, f"{PASSPHRASE}\r"), (AGAIN, CTRL_C)]):
            self.assertIn("interrupted", self.ha(["apply", "--yes"], *answers, expect=130))
        self.assertEqual(self.left(before), [])
        before = self.made()
        for words in COMMANDS:
            self.assertIn("interrupted", self.ha(words, (ASKED, CTRL_C), expect=130))
        self.assertEqual(self.files(), before)

    def left(self, before):
        """What there is that was not, but for the file that is the lock."""
        return [path for path in self.files() if path not in before and path.name != "ha.state.lock"]


if __name__ == "__main__":
    unittest.main()
