"""What runs on this machine: is a process still the one that was recorded, who holds a port."""

import os
import pathlib
import signal
import socket
import time


def start_time(pid):
    """The kernel's start time of a process, in clock ticks since boot; None when there is no such process.

    A number that was given to another process in the meantime has another start time.
    """
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in brackets and may itself hold spaces and brackets.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else int(fields[19])


def boot_id():
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid):
    """What to record about a process, so that `is_alive` can recognise it later."""
    return {"pid": pid, "start_time": start_time(pid), "boot_id": boot_id()}


def is_alive(recorded):
    return recorded["boot_id"] == boot_id() and recorded["start_time"] == start_time(recorded["pid"])


def end(recorded, patience):
    """Ends a recorded process: asks first, insists after `patience` seconds. True if it was there."""
    if not is_alive(recorded):
        return False
    for wish, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
        try:
            os.kill(recorded["pid"], wish)
        except ProcessLookupError:
            return True
        if wait_until(lambda: not is_alive(recorded), seconds):
            return True
    raise RuntimeError(f"process {recorded['pid']} is still there after SIGKILL")


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def exists(pid):
    """Whether the number is in use, be it by a process that has ended and that no one has asked about."""
    return os.path.exists(f"/proc/{pid}")


def working_in(folder):
    """The processes whose working folder this is."""
    found = []
    for path in pathlib.Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                working = os.readlink(path / "cwd")
            except OSError:
                continue  # Ended, or another user's.
            if working == os.path.realpath(folder):
                found.append(int(path.name))
    return found


def command_line(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return " ".join(word.decode(errors="replace") for word in words if word)


class PortHolder:
    """A process that listens on a port; `pid` is None when the process belongs to another user."""

    def __init__(self, address, port, pid):
        self.address, self.port, self.pid = address, port, pid
        self.command_line = command_line(pid) if pid else ""

    def __str__(self):
        if self.pid is None:
            return f"a process of another user (as root, `ss -ltnp sport = :{self.port}` names it)"
        return f"process {self.pid} ({self.command_line or 'name unknown'})"


def port_holder(address, port):
    """Who listens where a listener on `address` and `port` would have to be; None when it is free."""
    sockets = _listening(port)
    for bound, inode in sockets:
        if bound in (address, "0.0.0.0", "::"):
            return PortHolder(bound, port, _owner(inode))
    return None


def _listening(port):
    found = []
    for table, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        try:
            lines = pathlib.Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            local, state, inode = fields[1], fields[3], fields[9]
            digits, local_port = local.split(":")
            if state == "0A" and int(local_port, 16) == port:
                found.append((_address(digits, family), inode))
    return found


def _address(digits, family):
    # The kernel prints each 32-bit word in the machine's byte order.
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    text = socket.inet_ntop(family, b"".join(words))
    return text.removeprefix("::ffff:")


def _owner(inode):
    wanted = f"socket:[{inode}]"
    for process in pathlib.Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor) == wanted:
                    return int(process.name)
        except OSError:
            continue
    return None
