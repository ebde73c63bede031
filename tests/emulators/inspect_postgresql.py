#!/usr/bin/env python3
"""Looks at a PostgreSQL server from outside, as a client with a URI.

    inspect_postgresql.py CHECK < REQUEST      REQUEST and the answer are JSON

    login   {"uri"[, "ca_file"]}    who one is after logging in, how the connection is encrypted; verified in full with "ca_file"
    roles   {"uri"[, "ca_file"]}    the roles that are not the server's own
    database {"uri"[, "ca_file"]}   owner, encoding and extensions of the URI's database, and what one may do there

Secrets come in on standard input, so that no other process sees them.
"""

import json
import sys

import psycopg


def login(uri, ca_file=None):
    try:
        connection = _connect(uri, ca_file)
    except psycopg.OperationalError as error:
        return {"refused": str(error)}
    with connection:
        user, database = connection.execute("SELECT current_user, current_database()").fetchone()
        encrypted, version = connection.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    return {"user": user, "database": database, "encrypted": encrypted, "tls": version}


def roles(uri, ca_file=None):
    with _connect(uri, ca_file) as connection:
        rows = connection.execute(
            "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolconnlimit,"
            " ARRAY(SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = pg_roles.oid ORDER BY 1)::text[]"
            " FROM pg_roles WHERE rolname !~ '^(pg_|rds)' ORDER BY 1"
        ).fetchall()
    names = ("name", "login", "superuser", "create_role", "create_database", "inherit", "connection_limit", "member_of")
    return [dict(zip(names, row)) for row in rows]


def database(uri, ca_file=None):
    with _connect(uri, ca_file) as connection:
        name, owner, encoding = connection.execute(
            "SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        extensions = [row[0] for row in connection.execute("SELECT extname FROM pg_extension ORDER BY 1")]
        databases = [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")]
        may_create = connection.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone()[0]
    return {
        "name": name, "owner": owner, "encoding": encoding, "extensions": extensions,
        "may_create_tables": may_create, "databases": databases,
    }  # fmt: skip


def _connect(uri, ca_file):
    verify = {"sslmode": "verify-full", "sslrootcert": ca_file} if ca_file else {}
    return psycopg.connect(uri, autocommit=True, connect_timeout=10, **verify)


CHECKS = {check.__name__: check for check in (login, roles, database)}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    print(json.dumps(CHECKS[sys.argv[1]](**json.load(sys.stdin))))


if __name__ == "__main__":
    main()
