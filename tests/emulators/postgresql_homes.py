"""Where the PostgreSQL servers that belong to a launcher's folder live."""

import hashlib
import os
import pathlib

# Root's home folder is closed to the account that the servers run as.
HOMES_OF_ROOT = pathlib.Path("/var/lib/ha-postgresql")


def homes(folder):
    if os.geteuid() == 0:
        return HOMES_OF_ROOT / digest(folder)
    return pathlib.Path(folder).resolve() / "postgresql"


def digest(path):
    """A short name for a path; the same for all ways to write it."""
    return hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:12]
