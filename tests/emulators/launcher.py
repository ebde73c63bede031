#!/usr/bin/env python3
"""Starts and stops the emulators of external services: an AWS emulator, and the PostgreSQL servers behind its RDS.

    launcher.py start  --dir DIR --port PORT   starts it, or finds it running; prints what a client needs, as JSON
    launcher.py status --dir DIR               says what runs; exit status 3 when nothing does
    launcher.py stop   --dir DIR               stops it; everything is there again after the next start
    launcher.py remove --dir DIR               stops it and takes everything away

The emulated world and the databases are kept in DIR (the databases of root in /var/lib/ha-postgresql), and
come back after a restart of the machine. Nothing but 127.0.0.1 is listened on.
"""

import argparse
import contextlib
import fcntl
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import urllib.request

import postgresql_homes
import processes

ADDRESS = "127.0.0.1"
START_PATIENCE = 120


class Failure(Exception):
    """What could not be done, why, and what to do about it."""


def main():
    _use_the_installed_environment()
    arguments = _arguments()
    # Clients are told absolute paths, and the server runs in another folder.
    folder = pathlib.Path(arguments.dir).absolute()
    try:
        return arguments.command(folder, arguments)
    except Failure as failure:
        print(f"launcher: error: {failure}", file=sys.stderr)
        return 1


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in (("start", start), ("status", status), ("stop", stop), ("remove", remove), ("serve", serve)):
        one = commands.add_parser(name)
        one.set_defaults(command=command)
        one.add_argument("--dir", required=True, help="where the emulated world is kept")
        if command in (start, serve):
            one.add_argument("--port", required=True, type=int, help=f"the emulator's port on {ADDRESS}")
    return parser.parse_args()


def start(folder, arguments):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with _one_at_a_time(folder):
        running = _running(folder)
        if running is None:
            _launch(folder, arguments.port)
            running = _running(folder)
        elif running["port"] != arguments.port:
            raise Failure(
                f"it runs on port {running['port']} already, not on {arguments.port}; stop it first: {_command('stop', folder)}"
            )
        else:
            _start_missing_servers(folder)
    print(json.dumps(_facts(folder, running)))
    return 0


def status(folder, arguments):
    running = _running(folder)
    if running is None:
        print("launcher: not running", file=sys.stderr)
        return 3
    print(json.dumps(_facts(folder, running)))
    return 0


def stop(folder, arguments):
    if folder.is_dir():
        with _one_at_a_time(folder):
            _stop(folder)
    return 0


def remove(folder, arguments):
    import postgresql_server

    if folder.is_dir():
        with _one_at_a_time(folder):
            _end_emulator(folder)
            for server in postgresql_server.all_servers(folder):
                server.remove()
            postgresql_server.remove_homes(folder)
            for name in (
                "requests.log",
                "launcher.json",
                "emulator.log",
                "postgresql-ca.pem",
                "postgresql-ca.key",
                "launcher.lock",
            ):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / "objects", ignore_errors=True)
        # Left alone when it holds anything that is not the launcher's.
        with contextlib.suppress(OSError):
            folder.rmdir()
    return 0


def serve(folder, arguments):
    """Runs in the process that `start` leaves behind."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    from emulator import CannotRebuild, Emulator, say
    from postgresql_server import Problem

    class Quiet(WSGIRequestHandler):
        # The application reports its requests itself, without what only the client should know.
        def log_request(self, *arguments):
            pass

    try:
        application = Emulator(folder)
    except (CannotRebuild, Problem) as problem:
        say(f"error: {problem}")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: application.end())
    server = make_server(ADDRESS, arguments.port, application, threaded=True, request_handler=Quiet)
    recorded = {**processes.identity(os.getpid()), "port": arguments.port}
    temporary = folder / "launcher.json.new"
    temporary.write_text(json.dumps(recorded))
    temporary.replace(folder / "launcher.json")
    say(f"listening on {ADDRESS}:{arguments.port}")
    server.serve_forever()


def _launch(folder, port):
    holder = processes.port_holder(ADDRESS, port)
    if holder:
        raise Failure(f"port {port} on {ADDRESS} is taken by {holder}; end that process, or choose another port")
    # Nothing of the caller's environment: it may hold secrets, and the server keeps it for ever.
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PYTHONHASHSEED": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Amazon's own policies are there, as in every account.
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }
    log = folder / "emulator.log"
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        began_at = output.tell()
        child = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).resolve()), "serve", "--dir", str(folder), "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd="/", start_new_session=True,
        )  # fmt: skip
    answers = lambda: child.poll() is not None or _identity(port) == {"folder": str(folder), "pid": child.pid}
    if not processes.wait_until(answers, START_PATIENCE):
        child.kill()
        raise Failure(f"the emulator did not answer within {START_PATIENCE} s; its log is {log}")
    if child.poll() is not None:
        with open(log, errors="replace") as text:
            text.seek(began_at)
            last_words = "".join(text.readlines()[-12:]).rstrip()
        raise Failure(f"the emulator ended at once (exit status {child.returncode}); {log} ends with:\n{last_words}")


def _start_missing_servers(folder):
    """Those that ended by themselves, or were ended, while the emulator went on."""
    import postgresql_server

    for server in postgresql_server.all_servers(folder):
        if server.is_made():
            try:
                server.start(server.port())
            except postgresql_server.Problem as problem:
                raise Failure(problem) from None


def _running(folder):
    """The record of the emulator that runs for this folder; None when there is none."""
    try:
        recorded = json.loads((folder / "launcher.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    if not processes.is_alive(recorded):
        return None
    found = _identity(recorded["port"])
    return recorded if found == {"folder": str(folder), "pid": recorded["pid"]} else None


def _identity(port):
    """Who answers on the port, if it is one of ours."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{ADDRESS}:{port}/-/launcher", timeout=30) as answer:
            return json.loads(answer.read())
    except (OSError, ValueError):
        return None


def _facts(folder, running):
    import postgresql_server

    return {
        "endpoint": f"http://{ADDRESS}:{running['port']}",
        "pid": running["pid"],
        "postgresql_ca_file": str(folder / "postgresql-ca.pem"),
        "postgresql_homes": str(postgresql_homes.homes(folder)),
        "postgresql_servers": [
            {"name": server.name, "running": server.is_running(), "log": str(server.log)}
            for server in postgresql_server.all_servers(folder)
        ],
    }


def _stop(folder):
    import postgresql_server

    _end_emulator(folder)
    for server in postgresql_server.all_servers(folder):
        server.stop()


def _end_emulator(folder):
    try:
        recorded = json.loads((folder / "launcher.json").read_text())
    except (FileNotFoundError, ValueError):
        return
    processes.end(recorded, patience=60)
    (folder / "launcher.json").unlink(missing_ok=True)


@contextlib.contextmanager
def _one_at_a_time(folder):
    with open(os.open(folder / "launcher.lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        # The server must not inherit it: it outlives this command.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _command(name, folder):
    return f"{sys.argv[0]} {name} --dir {folder}"


def _use_the_installed_environment():
    """Goes on in the environment that tests/emulators/install makes, unless this is it."""
    if importlib.util.find_spec("moto") and importlib.util.find_spec("psycopg"):
        return
    cache = os.environ.get("HA_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ha")
    python = os.path.join(cache, "venv", "bin", "python")
    if not os.path.exists(python):
        sys.exit(f"launcher: error: {python} is missing; run {pathlib.Path(__file__).resolve().parent / 'install'} first")
    os.execv(python, [python, *sys.argv])


if __name__ == "__main__":
    sys.exit(main())
