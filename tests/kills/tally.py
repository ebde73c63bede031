"""What was found, counted."""

import collections
import threading

# What may go wrong, as the columns of the row say it.
COLUMNS = {
    "lost": "states lost or unreadable",
    "forgotten": "completed steps forgotten",
    "orphans": "orphans",
    "duplicates": "duplicates",
    "failed": "not converged",
}


class Tally:
    def __init__(self):
        self.kills = 0
        # How many steps had been told as done when they were killed: where there are none, nothing can be forgotten.
        self.steps = 0
        self.counts = collections.Counter()
        self.told = []
        self._lock = threading.Lock()

    def fail(self, column, what):
        """Something went wrong."""
        assert column in COLUMNS, column
        self.counts[column] += 1
        self.told.append(f"{column}: {what}")

    def add(self, other):
        with self._lock:
            self.kills += other.kills
            self.steps += other.steps
            self.counts.update(other.counts)
            self.told.extend(other.told)

    @property
    def clean(self):
        return not self.counts


def table(rows):
    """The rows, each a name and a tally, as Markdown."""
    heads = ["", "kills", "steps told as done", *COLUMNS.values()]
    cells = [[name, str(it.kills), str(it.steps), *(str(it.counts[column]) for column in COLUMNS)] for name, it in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    line = lambda row: "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"  # noqa: E731
    return "\n".join([line(heads), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, cells)])
