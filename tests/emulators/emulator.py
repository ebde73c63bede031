"""The AWS emulator as one WSGI application: moto with its corrections, repeatable, and kept across restarts.

Requests are answered one at a time, so that the world at any moment follows from the requests so far.
"""

import contextlib
import io
import json
import os
import secrets
import sys
import threading
import time
import traceback
from urllib.parse import parse_qs, unquote

# First: it replaces functions that moto's services take along when they are imported.
import repeatable

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.rds.models import rds_backends

import corrections
import postgresql_server
from authority import Authority
from requests_log import RequestsLog

IDENTITY_PATH = "/-/launcher"
READING = ("Describe", "List", "Get", "Head", "Simulate", "AssumeRole", "Lookup", "Search", "BatchGet")
# Imported at the start rather than during the first request, which would take seconds.
SERVICES = ("ec2", "rds", "autoscaling", "s3", "iam", "sts", "kms")


class CannotRebuild(Exception):
    """A request that once succeeded fails now."""


class Emulator:
    def __init__(self, folder):
        self._lock = threading.Lock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._servers = PostgresqlServers(folder)
        self._answers_by_token = {}
        self._folder = folder
        corrections.make_all(self._servers, self._unlocked)
        for service in SERVICES:
            get_backend(service)
            self._moto.app_instances.setdefault(service, create_backend_app(service))
        self._log = RequestsLog(folder)
        self._rebuild()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == IDENTITY_PATH:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"folder": str(self._folder), "pid": os.getpid()}).encode()]
        body = _take_body(environ)
        began = time.monotonic()
        with self._lock:
            answer = self._answer(environ, body)
        _report(environ, body, answer, time.monotonic() - began)
        start_response(answer.status, answer.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def end(self):
        """Waits until no server is in the making, and ends the process."""
        self._servers.at_work.acquire()
        os._exit(0)

    @contextlib.contextmanager
    def _unlocked(self):
        """While the request at hand waits for a server, others are answered."""
        if not self._lock.locked():
            yield  # The world is being built again; there are no others.
            return
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def _answer(self, environ, body):
        if not _changes_something(environ, body):
            return self._ask_moto(environ, body)
        token = _client_token(environ, body)
        if token in self._answers_by_token:
            return self._answers_by_token[token].given_again(_form(environ, body))
        seed, now = secrets.token_hex(8), time.time()
        with repeatable.moment(seed, now):
            answer = self._ask_moto(environ, body)
        if answer.is_success():
            self._log.append(seed, now, environ["REQUEST_METHOD"], environ["RAW_URI"], _headers(environ), body)
            self._remember(token, environ, body, answer)
        return answer

    def _remember(self, token, environ, body, answer):
        if token:
            self._answers_by_token[token] = answer.to_a_token(_form(environ, body))

    def _ask_moto(self, environ, body):
        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        captured = []
        try:
            chunks = self._moto(environ, lambda status, headers, error=None: captured.append((status, headers)))
            return Answer(*captured[-1], b"".join(chunks))
        except NotImplementedError:
            return error_answer(
                environ, "400 Bad Request", "InvalidAction", f"this emulator does not know the action {_action(environ, body)}"
            )
        except Exception:
            traceback.print_exc()
            return error_answer(environ, "500 Internal Server Error", "InternalFailure", "the emulator failed; its log says how")

    def _rebuild(self):
        entries = self._log.read()
        for entry in entries:
            body = self._log.body(entry)
            environ = _environ(entry, body)
            with repeatable.moment(entry["seed"], entry["time"]):
                answer = self._ask_moto(environ, body)
            if not answer.is_success():
                what = f"{entry['method']} {entry['uri']} {_action(environ, body)}".rstrip()
                raise CannotRebuild(
                    f"the emulated world could not be built again from {self._log.path}: {what} was answered {answer.status} with "
                    f"{answer.body.decode(errors='replace')}; `launcher.py remove --dir {self._folder}` gives it up"
                )
            self._remember(_client_token(environ, body), environ, body, answer)
        if entries:
            say(f"built the emulated world again from {len(entries)} requests")
        self._servers.take_up_again()


class PostgresqlServers:
    """The real servers behind the emulated instances. Until `take_up_again` they are only counted:
    a server that a repeated request makes may be one that a later request removes."""

    def __init__(self, folder):
        self._folder = folder
        self._authority = Authority(folder)
        self._rebuilding = True
        # Held while a server is changed, so that the emulator does not end in the middle of it.
        self.at_work = threading.Lock()

    def make(self, database, password):
        if self._rebuilding:
            return
        say(f"making a PostgreSQL server for {database.db_instance_identifier} on port {database.port}")
        with self.at_work:
            self._of(database).make(database.port, self._authority, database.master_username, password, database.db_name)

    def move(self, database):
        if not self._rebuilding:
            with self.at_work:
                self._of(database).move(database.port)

    def set_password(self, database, password):
        if not self._rebuilding:
            self._of(database).set_password(database.master_username, password)

    def remove(self, database):
        if not self._rebuilding:
            with self.at_work:
                self._of(database).remove()

    def take_up_again(self):
        """Starts the servers of the instances that there are, and removes what belongs to none."""
        self._rebuilding = False
        wanted = {
            database.dbi_resource_id: database
            for _, _, backend in rds_backends.iter_backends()
            for database in backend.databases.values()
            if database.address == postgresql_server.ADDRESS
        }
        for server in postgresql_server.all_servers(self._folder):
            if server.name not in wanted:
                say(f"removing {server.home}, which belongs to no database instance")
                server.remove()
        for database in wanted.values():
            self._of(database).start(database.port)

    def _of(self, database):
        return postgresql_server.Server(self._folder, database.dbi_resource_id)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self._form = None

    def is_success(self):
        return int(self.status.split()[0]) < 400

    def to_a_token(self, form):
        self._form = form
        return self

    def given_again(self, form):
        """What EC2 answers to a client token that it has seen."""
        if form == self._form:
            return self
        message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
        return Answer("400 Bad Request", self.headers, _ec2_error("IdempotentParameterMismatch", message))


def error_answer(environ, status, code, message):
    """An error in a form that the service's clients can read."""
    if _service(environ) == "ec2":
        body = _ec2_error(code, message)
    elif _service(environ) == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    else:
        body = f"<ErrorResponse><Error><Type>Receiver</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>".encode()
    return Answer(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))], body)


def say(text):
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text, file=sys.stderr, flush=True)


def _ec2_error(code, message):
    return f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>0</RequestID></Response>".encode()


def _take_body(environ):
    if environ.get("wsgi.input_terminated"):
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _form(environ, body):
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    return {}


def _action(environ, body):
    """The API's name for what is asked; S3 has none and is told by its method."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    return _form(environ, body).get("Action") or target.rpartition(".")[2] or query.get("Action", [""])[0]


def _changes_something(environ, body):
    action = _action(environ, body)
    if action:
        return not action.startswith(READING)
    return environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS")


def _client_token(environ, body):
    """What makes two requests to EC2 the same request."""
    form = _form(environ, body)
    if _service(environ) != "ec2" or "ClientToken" not in form:
        return None
    return _credential(environ)[2], form["Action"], form["ClientToken"]


def _service(environ):
    return _credential(environ)[3]


def _credential(environ):
    """Access key, date, region and service of a signed request; empty words for any other."""
    _, _, after = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")
    words = after.split(",")[0].split("/")
    return words if len(words) == 5 else [""] * 5


def _headers(environ):
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return headers


def _environ(entry, body):
    """A request that was kept, as the server would hand it over."""
    path, _, query = entry["uri"].partition("?")
    environ = {
        "REQUEST_METHOD": entry["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": entry["uri"],
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in entry["headers"].items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def _report(environ, body, answer, seconds):
    # Without the query: it may hold what only the client should know.
    what = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {_action(environ, body)}".rstrip()
    say(f"{_service(environ) or '-'} {what} {answer.status.split()[0]} {seconds * 1000:.0f} ms")
