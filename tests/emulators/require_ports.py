#!/usr/bin/env python3
"""Fails when somebody else listens on a port that is needed.

    require_ports.py FOLDER ADDRESS:PORT...

A listener whose command line names FOLDER, or the folder where root's databases for it lie, is ours.
"""

import pathlib
import sys
import time

import postgresql_homes
import processes


# As long as a process that was killed may take to let go of its port.
DYING = 10


def main():
    folder, *endpoints = sys.argv[1:]
    ours = [f"{path}/" for path in (pathlib.Path(folder).absolute(), postgresql_homes.homes(pathlib.Path(folder) / "outside"))]
    taken = []
    for endpoint in endpoints:
        address, port = endpoint.rsplit(":", 1)
        holder = holder_of(address, int(port))
        if holder and not any(path in holder.command_line for path in ours):
            taken.append(f"port {port} on {address} is taken by {holder}")
    if taken:
        sys.exit("error: " + "\n       ".join(taken))


def holder_of(address, port):
    """Who has the port, once who is just dying has let go of it."""
    end = time.monotonic() + DYING
    while (holder := processes.port_holder(address, port)) and not holder.command_line and time.monotonic() < end:
        time.sleep(0.1)
    return holder


if __name__ == "__main__":
    main()
