"""The same configurations mean the same to terraform and to `ha`: drawn at random, edited, planned and applied by both.

HA_TERRAFORM_DRAWS   how many histories are drawn (default 40)
HA_TERRAFORM_SEED    the first one's seed; what fails prints its own
HA_TERRAFORM_FOLDER  where what was run is kept, to be looked at
"""

import collections
import concurrent.futures
import os
import pathlib
import shutil
import tempfile
import unittest

from drawn_runs import drawn, follow
from harness import binary
from written_histories import HISTORIES, REFUSED, steps


@unittest.skipUnless(shutil.which("terraform"), "terraform is not installed: there is nothing to compare with")
class Terraform(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(os.environ.get("HA_TERRAFORM_FOLDER") or tempfile.mkdtemp(prefix="ha-terraform-"))
        if "HA_TERRAFORM_FOLDER" not in os.environ:
            self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_drawn_configurations(self):
        first = int(os.environ.get("HA_TERRAFORM_SEED", 1))
        seeds = range(first, first + int(os.environ.get("HA_TERRAFORM_DRAWS", 40)))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = list(pool.map(self.history, seeds))
        differences = [f"seed {seed}: {it}" for seed, outcome in zip(seeds, runs, strict=True) for it in outcome.found]
        taken, refused = sum(it.steps for it in runs), sum(it.refused for it in runs)
        allowed = collections.Counter(it for outcome in runs for it in outcome.allowed)
        print(f"{len(runs)} histories, {taken} steps taken, {refused} refused by both; let pass: {dict(allowed)}")
        self.assertEqual(differences, [])
        # Most of what is drawn has to mean something.
        self.assertGreater(taken, 4 * refused)

    def history(self, seed):
        try:
            # Mostly the files as they are; sometimes in the spelling that is `ha`'s own.
            return drawn(seed, self.folder, binary(), "hcl" if seed % 4 == 0 else "tf")
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise

    def test_written_histories(self):
        for name, history in HISTORIES.items():
            with self.subTest(name):
                self.assertEqual(follow(steps(history), self.folder / name.replace(" ", "-"), binary(), "tf").found, [])

    def test_what_nobody_takes(self):
        for number, step in enumerate(steps(REFUSED)):
            with self.subTest(step.files["main.tf"]):
                outcome = follow([step], self.folder / f"refused-{number}", binary(), "tf")
                self.assertEqual((outcome.found, outcome.refused), ([], 1))


if __name__ == "__main__":
    unittest.main()
