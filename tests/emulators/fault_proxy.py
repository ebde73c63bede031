#!/usr/bin/env python3
"""Stands between a client and the AWS emulator, and does to it what networks and services do.

    fault_proxy.py --port PORT --behind URL [--script FILE]

A script says what happens; see faulty/script.py. While it runs:

    POST /-/script    takes another script, and forgets what was counted
    GET  /-/counts    what was done to whom so far: {"ec2 throttle": 9, ...}
    GET  /-/requests  every request so far: service, action, fault, status

In Python: `with FaultProxy(behind, script) as proxy: ... proxy.endpoint, proxy.counts()`.
"""

import argparse
import collections
import http.client
import http.server
import json
import socket
import struct
import threading
import time
import urllib.parse

from faulty import answers
from faulty.request import Request
from faulty.script import Script
from faulty.states import States
from faulty.visibility import Visibility

ADDRESS = "127.0.0.1"
# Headers about one connection and not about the request.
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "server", "date"}
UNANSWERED = ("drop_before", "drop_after", "reset_after")


class FaultProxy:
    def __init__(self, behind, script=None, port=0):
        self._behind = urllib.parse.urlsplit(behind).netloc
        self.set_script(script)
        proxy = self

        class Handler(_Handler):
            def answer(self, request):
                return proxy._answer(request, self)

        self._server = http.server.ThreadingHTTPServer((ADDRESS, port), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://{ADDRESS}:{self._server.server_port}"

    def set_script(self, script):
        """What happens from now on; what was counted is forgotten."""
        self._script = Script(script)
        self._visibility = Visibility(self._script.hidden_looks)
        self._states = States(self._script.states)
        self._requests = []

    def end_of_run(self):
        """What was just made is visible from now on."""
        self._visibility = Visibility(self._script.hidden_looks)

    def requests(self):
        return list(self._requests)

    def counts(self):
        """How often each service met each fault."""
        struck = [f"{it['service']} {it['fault']}" for it in self.requests() if it["fault"]]
        return dict(collections.Counter(struck))

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self):
        self._server.serve_forever()

    def _answer(self, request, handler):
        if request.path.startswith("/-/"):
            return self._administered(request)
        rule = self._script.fault(request) or {"fault": None}
        fault, visibility, states = rule["fault"], self._visibility, self._states
        answer = self._instead(request, rule)
        if answer is None and fault != "drop_before":
            if fault == "delay":
                time.sleep(rule.get("seconds", 0.1))
            answer = visibility.refusal(request) or states.refusal(request)
            # What is refused for the moment meets no further fault.
            fault = "hidden" if answer else fault
            if answer is None:
                answer = self._forwarded(request)
                shown = states.seen(request, visibility.seen(request, answer))
                answer = answers.failed(request) if fault == "error_after" else shown
        self._requests.append(
            {"service": request.service, "action": request.action, "fault": fault, "status": answer and answer.status}
        )
        if fault in UNANSWERED:
            handler.hang_up(reset=fault == "reset_after")
            return None
        if fault == "cut":
            handler.cut_short(answer)
            return None
        return answer

    @staticmethod
    def _instead(request, rule):
        """What is answered without asking the service."""
        match rule["fault"]:
            case "throttle":
                return answers.throttled(request)
            case "error":
                return answers.failed(request)
            case "unavailable":
                return answers.unavailable(request)
            case "answer":
                return answers.Answer(200, [("Content-Type", "text/xml")], rule["body"].encode())
            case "refuse":
                return answers.refused(request, rule.get("status", 400), rule["code"], rule.get("message", rule["code"]))
        return None

    def _forwarded(self, request):
        connection = http.client.HTTPConnection(self._behind, timeout=300)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in OF_THE_CONNECTION}
            connection.request(request.method, request.uri, request.body, {**headers, "Content-Length": str(len(request.body))})
            response = connection.getresponse()
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in OF_THE_CONNECTION]
            if request.method == "HEAD" and response.getheader("Content-Length"):
                kept.append(("Content-Length", response.getheader("Content-Length")))
            return answers.Answer(response.status, kept, response.read())
        finally:
            connection.close()

    def _administered(self, request):
        if request.path == "/-/script" and request.method == "POST":
            try:
                self.set_script(json.loads(request.body))
            except (ValueError, TypeError, KeyError, AttributeError) as problem:
                return answers.Answer(400, [("Content-Type", "text/plain")], f"{problem}\n".encode())
            return _json({})
        if request.path in ("/-/counts", "/-/requests") and request.method == "GET":
            return _json(self.counts() if request.path == "/-/counts" else self.requests())
        return answers.Answer(404, [("Content-Type", "text/plain")], b"there is /-/script, /-/counts and /-/requests\n")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle(self):
        # A client that was killed is no trouble.
        try:
            super().handle()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def _serve(self):
        request = Request(self.command, self.path, {name.title(): value for name, value in self.headers.items()}, self._body())
        answer = self.answer(request)
        if answer is not None:
            self._send(answer, answer.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def hang_up(self, reset):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def cut_short(self, answer):
        self._send(answer, answer.body[: len(answer.body) // 2], whole=len(answer.body))
        self.hang_up(reset=False)

    def _send(self, answer, body, whole=None):
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if not (self.command == "HEAD" and any(name == "Content-Length" for name, _ in answer.headers)):
            self.send_header("Content-Length", str(len(body) if whole is None else whole))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)


def _json(value):
    return answers.Answer(200, [("Content-Type", "application/json")], json.dumps(value).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--behind", required=True, metavar="URL", help="the emulator's address")
    parser.add_argument("--script", type=argparse.FileType(), metavar="FILE", help="what happens; nothing when left out")
    arguments = parser.parse_args()
    script = json.load(arguments.script) if arguments.script else None
    proxy = FaultProxy(arguments.behind, script, arguments.port)
    print(json.dumps({"endpoint": proxy.endpoint}), flush=True)
    proxy.serve_forever()


if __name__ == "__main__":
    main()
