#!/usr/bin/env python3
"""Looks at a MongoDB replica set from outside, knowing its addresses and its authority's certificate only.

    inspect_mongodb.py CHECK < REQUEST      REQUEST and the answer are JSON

    members    {"ca_file", "hosts"}                 what each host says of itself to a client without a name
    anonymous  {"ca_file", "hosts"}                 how each command of a client without a name ends: its error code or "ok"
    plaintext  {"hosts"}                            how a client without TLS fares: "refused" or "answered"
    status     {"ca_file", "uri"}                   replSetGetStatus and the configuration, as an administrator
    users      {"ca_file", "uri"}                   the users and their roles, as an administrator
    writes     {"ca_file", "uri", "databases"}      into which databases this user can write: true or the error code
    write      {"ca_file", "uri", "seconds"}        how many seconds a majority write took, retried until it succeeds

Secrets come in on standard input, so that no other process sees them.
"""

import json
import sys
import time

import pymongo
from bson import Timestamp
from bson.json_util import dumps
from pymongo.errors import AutoReconnect, ConnectionFailure, OperationFailure, PyMongoError

PATIENCE = 5000

# What a client without a name may ask; and a good part of what it may not.
OPEN_TO_ALL = ("hello", "ping", "buildInfo", "connectionStatus")
CLOSED = {
    "aggregate": {"aggregate": 1, "pipeline": [{"$currentOp": {}}], "cursor": {}},
    "collStats": {"collStats": "system.users"},
    "compact": {"compact": "anything"},
    "count": {"count": "system.users"},
    "create": {"create": "anything"},
    "createRole": {"createRole": "anything", "privileges": [], "roles": []},
    "createUser": {"createUser": "stranger", "pwd": "stranger", "roles": ["root"]},
    "currentOp": {"currentOp": 1},
    "dbHash": {"dbHash": 1},
    "dbStats": {"dbStats": 1},
    "delete": {"delete": "anything", "deletes": [{"q": {}, "limit": 0}]},
    "distinct": {"distinct": "system.users", "key": "user"},
    "drop": {"drop": "anything"},
    "dropDatabase": {"dropDatabase": 1},
    "dropUser": {"dropUser": "anybody"},
    "find": {"find": "system.users"},
    "fsync": {"fsync": 1},
    "getCmdLineOpts": {"getCmdLineOpts": 1},
    "getLog": {"getLog": "global"},
    "getParameter": {"getParameter": "*"},
    "grantRolesToUser": {"grantRolesToUser": "anybody", "roles": ["root"]},
    "hostInfo": {"hostInfo": 1},
    "insert": {"insert": "anything", "documents": [{"a": 1}]},
    "killOp": {"killOp": 1, "op": 1},
    "listCollections": {"listCollections": 1},
    "listDatabases": {"listDatabases": 1},
    "logRotate": {"logRotate": 1},
    "profile": {"profile": -1},
    "replSetFreeze": {"replSetFreeze": 0},
    "replSetGetConfig": {"replSetGetConfig": 1},
    "replSetGetStatus": {"replSetGetStatus": 1},
    "replSetInitiate": {"replSetInitiate": {}},
    "replSetMaintenance": {"replSetMaintenance": False},
    "replSetReconfig": {"replSetReconfig": {"_id": "stranger", "version": 2, "members": []}},
    "replSetStepDown": {"replSetStepDown": 1},
    "rolesInfo": {"rolesInfo": 1},
    "rotateCertificates": {"rotateCertificates": 1},
    "serverStatus": {"serverStatus": 1},
    "setFeatureCompatibilityVersion": {"setFeatureCompatibilityVersion": "6.0"},
    "setParameter": {"setParameter": 1, "logLevel": 0},
    "shutdown": {"shutdown": 1, "timeoutSecs": 0},
    "top": {"top": 1},
    "update": {"update": "anything", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "upsert": True}]},
    "usersInfo": {"usersInfo": 1},
    "validate": {"validate": "system.users"},
}


def members(ca_file, hosts):
    answers = []
    for host in hosts:
        try:
            with _direct(host, ca_file) as client:
                hello = client.admin.command("hello")
        except ConnectionFailure as error:
            answers.append({"host": host, "state": "unreachable", "reason": str(error).split(",")[0]})
            continue
        named = {name: hello.get(name) for name in ("me", "setName", "hosts", "primary")}
        answers.append({"host": host, "state": _state(hello), **named})
    return answers


def _state(hello):
    if hello.get("isWritablePrimary"):
        return "PRIMARY"
    if hello.get("secondary"):
        return "SECONDARY"
    return "NOT INITIATED" if "setName" not in hello else "OTHER"


def anonymous(ca_file, hosts):
    answers = {}
    for host in hosts:
        with _direct(host, ca_file) as client:
            commands = {name: {name: 1} for name in OPEN_TO_ALL} | CLOSED
            answers[host] = {name: _outcome(client.admin, command) for name, command in commands.items()}
    return answers


def _outcome(database, command):
    try:
        database.command(command)
        return "ok"
    except OperationFailure as failure:
        return failure.code


def plaintext(hosts):
    answers = {}
    for host in hosts:
        client = pymongo.MongoClient(host, directConnection=True, tls=False, serverSelectionTimeoutMS=1500, connectTimeoutMS=1500)
        try:
            with client:
                client.admin.command("ping")
            answers[host] = "answered"
        except ConnectionFailure:
            answers[host] = "refused"
    return answers


def status(ca_file, uri):
    with _by_uri(uri, ca_file) as client:
        found = client.admin.command("replSetGetStatus")
        configuration = client.admin.command("replSetGetConfig")["config"]
    latest = max((member["optimeDate"] for member in found["members"] if "optimeDate" in member), default=None)
    return {
        "set": found["set"],
        "version": configuration["version"],
        "members": [
            {
                "host": member["name"],
                "state": member["stateStr"],
                "lag_seconds": (latest - member["optimeDate"]).total_seconds() if "optimeDate" in member else None,
                **{name: wanted[name] for name in ("votes", "priority", "hidden", "arbiterOnly")},
            }
            for member, wanted in zip(found["members"], configuration["members"])
        ],
    }


def users(ca_file, uri):
    with _by_uri(uri, ca_file) as client:
        found = client.admin.command({"usersInfo": {"forAllDBs": True}})["users"]
    return sorted(
        (
            {
                "user": user["user"],
                "database": user["db"],
                "roles": sorted(f"{role['role']}@{role['db']}" for role in user["roles"]),
                "mechanisms": sorted(user.get("mechanisms", [])),
            }
            for user in found
        ),
        key=lambda user: (user["database"], user["user"]),
    )


def writes(ca_file, uri, databases):
    answers = {}
    with _by_uri(uri, ca_file) as client:
        for name in databases:
            collection = client[name].get_collection("inspected", write_concern=pymongo.WriteConcern("majority", wtimeout=10000))
            try:
                collection.insert_one({"_id": "probe"})
                collection.delete_one({"_id": "probe"})
                answers[name] = True
            except OperationFailure as failure:
                answers[name] = failure.code
    return answers


def write(ca_file, uri, seconds):
    """A new client each time, as the application's other processes would be."""
    began = time.monotonic()
    while True:
        try:
            with _by_uri(uri, ca_file) as client:
                collection = client.get_default_database().get_collection(
                    "inspected", write_concern=pymongo.WriteConcern("majority", wtimeout=2000)
                )
                collection.update_one({"_id": "clock"}, {"$set": {"at": Timestamp(int(time.time()), 1)}}, upsert=True)
            return {"seconds": round(time.monotonic() - began, 3)}
        except (AutoReconnect, PyMongoError) as error:
            if time.monotonic() - began > seconds:
                return {"seconds": None, "reason": str(error)}
            time.sleep(0.05)


def _direct(host, ca_file):
    return pymongo.MongoClient(host, directConnection=True, tls=True, tlsCAFile=ca_file, serverSelectionTimeoutMS=PATIENCE)


def _by_uri(uri, ca_file):
    return pymongo.MongoClient(uri, tlsCAFile=ca_file, serverSelectionTimeoutMS=PATIENCE)


CHECKS = {check.__name__: check for check in (members, anonymous, plaintext, status, users, writes, write)}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    print(dumps(CHECKS[sys.argv[1]](**json.load(sys.stdin))))


if __name__ == "__main__":
    main()
