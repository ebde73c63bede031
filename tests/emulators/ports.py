"""Ports for tests that run side by side: no two of them are given the same one."""

import fcntl
import itertools
import os
import pathlib
import tempfile

import processes

# Below the ports of outgoing connections, above those of the quick start and of well-known services.
FIRST, LAST = 28000, 32499


def own_port(*addresses):
    """A port that no one listens on at any of the addresses, and that no other test is given for a long time."""
    counter = pathlib.Path(tempfile.gettempdir()) / f"ha-test-ports-{os.getuid()}"
    with open(counter, "a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last_given = int(file.read() or LAST)
        for port in itertools.chain(range(last_given + 1, LAST + 1), range(FIRST, last_given + 1)):
            if not any(processes.port_holder(address, port) for address in addresses or ("127.0.0.1",)):
                file.truncate(0)
                file.write(str(port))
                return port
    raise RuntimeError(f"every port from {FIRST} to {LAST} is taken")
