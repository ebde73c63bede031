"""Applies while AWS throttles, loses answers and takes its time; `tests/faults/run` does many more."""

import sys
import unittest

from harness import REPOSITORY, binary

sys.path.insert(0, str(REPOSITORY / "tests" / "faults"))

import run  # noqa: E402

TRIALS = 8
SEED = 20


class Faults(unittest.TestCase):
    def test_applies_converge_under_faults_with_everything_there_once(self):
        done = [outcome for _, outcome in run.trials(binary(), SEED, range(TRIALS), jobs=4)]
        self.assertEqual([str(it) for it in done if isinstance(it, run.Wrong)], [])
        # That something happened at all.
        self.assertGreater(sum(sum(it.faults.values()) for it in done), 5 * TRIALS)
        self.assertGreater(sum(it.failed for it in done), 0)


if __name__ == "__main__":
    unittest.main()
