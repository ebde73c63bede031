#!/usr/bin/env python3
"""Prints a line for each member of a replica set.

show_replica_set.py CA_FILE < URI      an administrator's URI, on standard input so that nobody else sees it
"""

import sys
import time

from pymongo.errors import PyMongoError

import inspect_mongodb

# The primary hears of a member that has just come back with the next heartbeat, two seconds later at most.
SECONDS_FOR_NEWS = 5


def main():
    ca_file, uri = sys.argv[1], sys.stdin.read().strip()
    try:
        found = settled(ca_file, uri)
    except PyMongoError as error:
        sys.exit(f"error: could not ask the replica set how it is: {error}")
    print(f"replica set {found['set']}")
    for member in found["members"]:
        lag = "" if member["lag_seconds"] is None else f"{member['lag_seconds']:.0f} s behind"
        print(f"  {member['host']:<22} {member['state']:<10} {lag if member['state'] == 'SECONDARY' else ''}".rstrip())


def settled(ca_file, uri):
    """How the set is, once every member is what it is going to be or has had the time."""
    end = time.monotonic() + SECONDS_FOR_NEWS
    while True:
        found = inspect_mongodb.status(ca_file, uri)
        if all(it["state"] in ("PRIMARY", "SECONDARY") for it in found["members"]) or time.monotonic() > end:
            return found
        time.sleep(0.2)


if __name__ == "__main__":
    main()
