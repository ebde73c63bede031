"""PostgreSQL servers of several versions, each in a folder of its own.

Which versions there are: HA_POSTGRESQL_HOMES lists their homes (what has `bin/postgres` in it), separated by colons.
Without it they are Debian's and those that `install` puts into the cache.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import psycopg

import postgresql_server

PASSWORD = "placeholder-password"


def homes():
    given = os.environ.get("HA_POSTGRESQL_HOMES")
    if given:
        return [pathlib.Path(home) for home in given.split(os.pathsep)]
    cache = pathlib.Path(os.environ.get("HA_CACHE") or pathlib.Path.home() / ".cache" / "ha")
    others = [cache / name for name in ("postgresql-16", "postgresql-18")]
    return [postgresql_server.binaries().parent, *(home for home in others if (home / "bin" / "postgres").exists())]


class Version:
    """A running server with the roles `master`, as RDS has it, and `chief`, who is a superuser."""

    def __init__(self, home):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-postgresql-"))
        self.folder.chmod(0o711)
        self.home = self._reachable(home)
        self.data = self.folder / "data"
        self.data.mkdir()
        self._give(self.data)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", self.data)
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        options = f"-p {self.port} -c unix_socket_directories={self.data} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-s", "-l", self.data / "log", "-o", options, "start")
        for role in ("master CREATEROLE CREATEDB", "chief SUPERUSER"):
            self.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        self.major = int(self.value("SHOW server_version_num")) // 10000

    def execute(self, *statements, database="postgres"):
        with self._connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def value(self, query, database="postgres"):
        with self._connect(database) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else None

    def logs_in(self, user, password, database="postgres"):
        try:
            psycopg.connect(host="127.0.0.1", port=self.port, user=user, password=password, dbname=database).close()
        except psycopg.OperationalError:
            return False
        return True

    def remove(self):
        try:
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-s", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _connect(self, database):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True)

    def _reachable(self, home):
        """The home, or a copy of it where the server's account cannot get at it."""
        if os.geteuid() != 0 or subprocess.run(self._as_account("/usr/bin/test", "-x", home / "bin" / "postgres")).returncode == 0:
            return home
        return pathlib.Path(shutil.copytree(home, self.folder / "home", symlinks=True))

    def _as_account(self, *command):
        account = ["runuser", "-u", postgresql_server.ACCOUNT, "--"] if os.geteuid() == 0 else []
        return [*account, *map(str, command)]

    def _give(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, postgresql_server.ACCOUNT)

    def _run(self, program, *arguments):
        command = self._as_account(self.home / "bin" / program, *arguments)
        # Not through a pipe: the server would inherit it and keep it open.
        with tempfile.TemporaryFile() as output:
            environment = {**os.environ, "LD_LIBRARY_PATH": str(self.home / "lib")}
            outcome = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environment, start_new_session=True
            )
            output.seek(0)
            if outcome.returncode:
                raise AssertionError(f"{program}: {output.read().decode(errors='replace')}")
