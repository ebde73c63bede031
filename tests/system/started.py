"""Commands under way, at a terminal of their own or with pipes, and a service that answers when it is told to."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time

from fault_proxy import FaultProxy

# For whatever should happen; a test that waits so long has failed.
PATIENCE = 120


class Service(FaultProxy):
    """A proxy before the emulator that keeps requests of some sort waiting."""

    def __init__(self, behind):
        super().__init__(behind)
        self._held = None
        self._arrived = threading.Event()
        self._released = threading.Event()

    def hold(self, *actions):
        """Such requests are carried out only once they are let through."""
        self._arrived.clear()
        self._released.clear()
        self._held = actions

    def wait_for_one(self):
        if not self._arrived.wait(PATIENCE):
            raise AssertionError(f"no one asked for any of {self._held}")

    def let_through(self):
        self._held = None
        self._released.set()

    def _forwarded(self, request):
        if self._held and any(request.action.startswith(it) for it in self._held):
            self._arrived.set()
            self._released.wait(PATIENCE)
        return super()._forwarded(request)


class Started:
    """A command under way; what it prints is gathered."""

    def __init__(self, words, at_terminal=False, **others):
        self._outside = None
        if at_terminal:
            self._outside, inside = pty.openpty()
            streams = {"stdin": inside, "stdout": inside, "stderr": inside}
        else:
            streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}

        def at_its_terminal():
            os.setsid()
            # Opening the first terminal makes it the session's own, so that Ctrl-C and hanging up reach the command.
            os.close(os.open(os.ttyname(0), os.O_RDWR))

        self._process = subprocess.Popen(words, **streams, **others, preexec_fn=at_its_terminal if at_terminal else None)
        if at_terminal:
            os.close(inside)
        self._reading = self._outside if at_terminal else self._process.stdout.fileno()
        self.printed = ""

    def sees(self, text):
        """Waits until this was printed."""
        until = time.monotonic() + PATIENCE
        while text not in self.printed:
            if not self._read(until - time.monotonic()):
                raise AssertionError(f"{text!r} was not printed:\n{self.printed}")

    def waits_until(self, happened):
        """Waits until something has happened elsewhere."""
        until = time.monotonic() + PATIENCE
        while not happened():
            self._read(0.05)
            if time.monotonic() > until or self._process.poll() is not None:
                raise AssertionError(f"it did not happen:\n{self.printed}")

    def types(self, text):
        os.write(self._outside, text.encode())

    def shows_what_is_typed(self):
        """Whether the terminal is left as it was."""
        return bool(termios.tcgetattr(self._outside)[3] & termios.ECHO)

    def send(self, wish):
        self._process.send_signal(wish)

    def hang_up(self):
        """The terminal goes away."""
        os.close(self._outside)
        self._outside = None

    def close_pipes(self):
        """No one reads any more."""
        self._process.stdout.close()

    def ends(self):
        """Waits for the end; answers the exit status."""
        if self._outside is not None or (self._process.stdout and not self._process.stdout.closed):
            until = time.monotonic() + PATIENCE
            while self._read(until - time.monotonic()):
                pass
        return self._process.wait(PATIENCE)

    def _read(self, seconds):
        ready, _, _ = select.select([self._reading], [], [], max(seconds, 0))
        with contextlib.suppress(OSError):  # What a terminal says when everybody has gone.
            if ready and (read := os.read(self._reading, 65536)):
                self.printed += read.decode(errors="replace")
                return True
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        if self._outside is not None:
            os.close(self._outside)
        if self._process.stdout:
            self._process.stdout.close()


CTRL_C = "\x03"
WISHES = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
