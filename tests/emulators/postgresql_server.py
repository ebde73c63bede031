"""A real PostgreSQL server that stands for one RDS instance.

As on RDS: the master user is no superuser, the superuser is out of every client's reach, connections
over the network are encrypted or refused. The superuser answers only on a Unix socket in a private
folder, to the account that runs the launcher.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import psycopg
from psycopg import sql

import processes
import scram
from authority import write_private
from postgresql_homes import HOMES_OF_ROOT, digest, homes

ADDRESS = "127.0.0.1"
SUPERUSER = "rdsadmin"
# PostgreSQL refuses to run as root; Debian's package brings this account.
ACCOUNT = "postgres"
# For how long a server that was killed may take until it is gone for good.
DYING = 20
# The kernel's limit for a socket's path, less the name that PostgreSQL gives it.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.65535")

SETTINGS = """
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
ssl = on
ssl_cert_file = '{home}/server.pem'
ssl_key_file = '{home}/server.key'
password_encryption = 'scram-sha-256'
shared_buffers = '32MB'
max_connections = 100
log_line_prefix = '%m [%p] %q%u@%d '
timezone = 'UTC'
log_timezone = 'UTC'
"""

WHO_MAY_CONNECT = f"""
local    all  {SUPERUSER}  peer map=launcher
host     all  {SUPERUSER}  all  reject
hostssl  all  all          {ADDRESS}/32  scram-sha-256
"""


class Problem(Exception):
    """A PostgreSQL server that could not be made, started or changed, and why."""


def binaries():
    """The folder of the newest PostgreSQL that Debian has here."""
    found = {
        int(path.parent.parent.name): path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("[0-9]*/bin/postgres")
    }
    if not found:
        raise Problem("there is no PostgreSQL under /usr/lib/postgresql; run tests/emulators/install")
    return found[max(found)]


def installed_version():
    """Such as `15.18`."""
    words = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"\d+(\.\d+)+", words)[0]


def all_servers(folder):
    """The servers that have a home, running or not."""
    try:
        return [Server(folder, home.name) for home in sorted(homes(folder).iterdir()) if home.is_dir()]
    except FileNotFoundError:
        return []


def remove_homes(folder):
    """Takes away the folders around servers that are all removed."""
    for path in (homes(folder), *([HOMES_OF_ROOT] if os.geteuid() == 0 else [])):
        try:
            path.rmdir()
        except (FileNotFoundError, OSError):
            pass


class Server:
    def __init__(self, folder, name):
        self.name = name
        self.home = homes(folder) / name
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self.socket = _socket_folder(self.home)

    def is_made(self):
        # Written last, so that a server whose making was interrupted is not taken for one.
        return (self.home / "made").exists()

    def is_running(self):
        return self._process() is not None

    def make(self, port, authority, master, password, database):
        """Makes the server with its master user and first database, and starts it."""
        self.remove()
        self._refuse_taken(port)
        self._make_folders()
        self._run(
            "initdb", f"--pgdata={self.data}", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C.UTF-8",
            "--auth-local=peer", "--auth-host=reject", "--no-instructions",
        )  # fmt: skip
        self._write_certificate(authority)
        self._write("pg_hba.conf", WHO_MAY_CONNECT)
        me = pwd.getpwuid(os.geteuid()).pw_name
        self._write("pg_ident.conf", f"launcher {me} {SUPERUSER}\n")
        self._set_port(port)
        self._start()
        with self._connect() as connection:
            _make_master(connection, master, password, database)
        (self.home / "made").touch()

    def start(self, port):
        if not self.is_made():
            raise Problem(
                f"the data of {self.name} should be in {self.data} and is not; it cannot be made again without its passwords"
            )
        if self.is_running():
            return
        self._forget_the_dead()
        self._refuse_taken(port)
        self._make_socket_folder()
        self._set_port(port)
        self._start()

    def port(self):
        """The port that it was last started on."""
        return int(re.search(r"^port = (\d+)", (self.data / "postgresql.auto.conf").read_text(), re.MULTILINE)[1])

    def move(self, port):
        """Another port, for which the server restarts."""
        self._refuse_taken(port)
        self.stop()
        self.start(port)

    def set_password(self, user, password):
        with self._connect() as connection:
            # As a verifier: the server logs statements that fail.
            _execute(connection, "ALTER ROLE {} PASSWORD {}", sql.Identifier(user), sql.Literal(scram.verifier(password)))

    def stop(self):
        self._end("fast")

    def remove(self):
        # Nothing of it is kept, so it need not write its data first.
        self._end("immediate")
        for folder in (self.home, self.socket):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(folder)

    def _end(self, mode):
        pid = self._process()
        if pid is None:
            return
        running = processes.identity(pid)
        self._run("pg_ctl", "stop", f"--pgdata={self.data}", f"--mode={mode}", "--wait", "--timeout=60", "--silent")
        # pg_ctl is content before the server has taken its socket away.
        if not processes.wait_until(lambda: not processes.is_alive(running), 60):
            raise Problem(f"the PostgreSQL server in {self.home} (process {pid}) was stopped and does not end")

    def _process(self):
        """The running server, told from a stranger with the same number by its data folder."""
        pid = self._recorded()
        return pid if pid and str(self.data) in processes.command_line(pid) else None

    def _recorded(self):
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _forget_the_dead(self):
        """Waits until a server that was killed is gone. PostgreSQL would take it for a running one as long as its number
        is in use, be it that no one has asked for its exit status, or that a stranger has the number by now."""
        pid = self._recorded()
        if pid is None:
            return
        gone = lambda: not processes.working_in(self.data) and (not processes.exists(pid) or processes.command_line(pid))
        processes.wait_until(gone, DYING)
        workers = processes.working_in(self.data)
        if workers:
            raise Problem(f"the PostgreSQL server in {self.home} has ended, but its processes {workers} are still at work; end them")
        if processes.exists(pid):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _refuse_taken(self, port):
        holder = processes.port_holder(ADDRESS, port)
        if holder:
            raise Problem(
                f"port {port} on {ADDRESS} is taken by {holder}; choose another port for the database instance, or end that process"
            )

    def _make_folders(self):
        if os.geteuid() == 0:
            HOMES_OF_ROOT.mkdir(mode=0o755, exist_ok=True)
        self.home.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.home.mkdir(mode=0o700)
        self._give(self.home)
        self._make_socket_folder()

    def _make_socket_folder(self):
        self.socket.mkdir(mode=0o700, exist_ok=True)
        if self.socket.stat().st_uid not in (0, os.geteuid(), _owner()):
            raise Problem(f"{self.socket} belongs to somebody else; remove it")
        self._give(self.socket)

    def _write_certificate(self, authority):
        key, certificate = authority.server_certificate()
        for name, content in (("server.key", key), ("server.pem", certificate)):
            write_private(self.home / name, content)
            self._give(self.home / name)

    def _set_port(self, port):
        settings = SETTINGS.format(address=ADDRESS, port=port, socket=self.socket, home=self.home)
        self._write("postgresql.auto.conf", settings)

    def _start(self):
        try:
            self._run("pg_ctl", "start", f"--pgdata={self.data}", f"--log={self.log}", "--wait", "--timeout=60", "--silent")
        except Problem as problem:
            last_words = "\n".join(self.log.read_text().splitlines()[-5:]) if self.log.exists() else "(it left no log)"
            raise Problem(f"{problem}\nthe end of {self.log}:\n{last_words}") from None

    def _write(self, name, text):
        path = self.data / name
        path.write_text(text)
        path.chmod(0o600)
        self._give(path)

    def _give(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, ACCOUNT, ACCOUNT)

    def _connect(self):
        return psycopg.connect(host=str(self.socket), port=self.port(), user=SUPERUSER, dbname="postgres", autocommit=True)

    def _run(self, program, *arguments):
        command = [str(binaries() / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", ACCOUNT, "--", *command]
        # Nothing of the caller's environment: it may hold secrets, and a server keeps it for ever.
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
        # Not through a pipe: the server would inherit it and keep it open.
        with tempfile.TemporaryFile() as output:
            outcome = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd="/", start_new_session=True
            )
            output.seek(0)
            words = output.read().decode(errors="replace").strip()
        if outcome.returncode:
            raise Problem(f"`{program}` failed for {self.home}: {words or 'it said nothing'}")


def _make_master(connection, master, password, database):
    """The master user as RDS makes it: may make roles and databases, is no superuser, owns what is there."""
    _execute(connection, "CREATE ROLE rds_superuser NOLOGIN")
    _execute(connection, "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION")
    user = sql.Identifier(master)
    _execute(
        connection,
        "CREATE ROLE {} LOGIN NOSUPERUSER CREATEROLE CREATEDB INHERIT PASSWORD {}",
        user,
        sql.Literal(scram.verifier(password)),
    )
    _execute(connection, "GRANT rds_superuser TO {}", user)
    _execute(connection, "ALTER DATABASE postgres OWNER TO {}", user)
    if database and database != "postgres":
        _execute(connection, "CREATE DATABASE {} OWNER {}", sql.Identifier(database), user)


def _execute(connection, statement, *parts):
    connection.execute(sql.SQL(statement).format(*parts))


def _socket_folder(home):
    inside = home / "socket"
    if len(str(inside)) <= LONGEST_SOCKET_FOLDER:
        return inside
    return pathlib.Path(tempfile.gettempdir()) / f"ha-postgresql-{os.geteuid()}-{digest(home)}"


def _owner():
    return pwd.getpwnam(ACCOUNT).pw_uid if os.geteuid() == 0 else os.geteuid()
