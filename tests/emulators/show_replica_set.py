#!/usr/bin/env python3
"""Prints a line for each member of a replica set.

show_replica_set.py CA_FILE < URI      an administrator's URI, on standard input so that no one else sees it
"""

import sys
import time

from pymongo.errors import PyMongoError

import inspect_mongodb

# A set that has just been started elects its primary after ten seconds, and hears of a member with its next heartbeat.
SECONDS_FOR_NEWS = 30


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
        late = time.monotonic() > end
        try:
            found = inspect_mongodb.status(ca_file, uri)
            if late or all(it["state"] in ("PRIMARY", "SECONDARY") for it in found["members"]):
                return found
        except PyMongoError:
            if late:
                raise
        time.sleep(0.2)


if __name__ == "__main__":
    main()
