#!/usr/bin/env python3
"""Prints a line for each member of a replica set.

show_replica_set.py CA_FILE < URI      an administrator's URI, on standard input so that nobody else sees it
"""

import sys

from pymongo.errors import PyMongoError

import inspect_mongodb


def main():
    ca_file, uri = sys.argv[1], sys.stdin.read().strip()
    try:
        found = inspect_mongodb.status(ca_file, uri)
    except PyMongoError as error:
        sys.exit(f"error: could not ask the replica set how it is: {error}")
    print(f"replica set {found['set']}")
    for member in found["members"]:
        lag = "" if member["lag_seconds"] is None else f"{member['lag_seconds']:.0f} s behind"
        print(f"  {member['host']:<22} {member['state']:<10} {lag if member['state'] == 'SECONDARY' else ''}".rstrip())


if __name__ == "__main__":
    main()
