"""Runs all checks and tests side by side, and counts them in the last line. `tests/run` calls it.

Most tests wait for servers far more than they compute. So more of them run at once than there are cores, those first
that took longest the last time.

HA_TEST_JOBS      how many run at once (default: two for each core)
HA_TEST_VERBOSE   prints what each of them printed, not only what the failed ones did
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ["HA_CACHE"])
DURATIONS = CACHE / "test-durations.json"
# No group of tests takes a third of it. One that does hangs.
TIME_LIMIT = 25 * 60


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("words", nargs="*", metavar="WORD", help="run only groups whose name holds one of these")
    wanted = arguments.parse_args().words
    built, binaries = build()
    groups = [*checks(), *binaries, *python_modules()] if built.failed == 0 else []
    groups = [it for it in groups if not wanted or any(word in it.name for word in wanted)]
    results = [built, *run(groups)]
    passed, failed, skipped = (sum(getattr(it, which) for it in results) for which in ("passed", "failed", "skipped"))
    print_reasons(results)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


@dataclasses.dataclass
class Result:
    name: str
    passed: int = 0
    failed: int = 0
    # Why a test did nothing, once for each that did not.
    reasons: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def skipped(self):
        return len(self.reasons)


@dataclasses.dataclass
class Group:
    """One command that runs one or more tests."""

    name: str
    command: list
    count: callable
    folder: pathlib.Path = REPOSITORY
    environment: dict = dataclasses.field(default_factory=dict)


# What there is to run.


def build():
    """Compiles the program and all tests at once, so that each dependency is compiled with one set of features."""
    print("\n=== cargo build", file=sys.stderr, flush=True)
    command = ["cargo", "test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return Result("cargo build", failed=1), []
    artifacts = [it for it in map(json.loads, done.stdout.splitlines()) if it.get("executable")]
    return Result("cargo build", passed=1), [rust_tests(it) for it in artifacts if it["profile"]["test"]]


def checks():
    yield Group("cargo fmt", ["cargo", "fmt", "--all", "--check"], as_one)
    yield Group("cargo clippy", [*"cargo clippy --locked --workspace --all-targets -- -D warnings".split()], as_one)
    if has_doc_examples():
        yield Group("cargo test --doc", [*"cargo test --locked --workspace --doc --no-fail-fast".split()], as_libtest)


def has_doc_examples():
    """To look for examples crate by crate takes cargo a minute, even when there are none."""
    fence = subprocess.run(["git", "grep", "-qE", r"^\s*//[/!] *```rust", "--", "*.rs"], cwd=REPOSITORY, check=False)
    return fence.returncode == 0


def rust_tests(artifact):
    folder = pathlib.Path(artifact["manifest_path"]).parent
    target = artifact["target"]
    name = f"{folder.relative_to(REPOSITORY)} {target['kind'][0]} {target['name']}"
    # They wait for servers of their own; two threads would leave both cores idle.
    environment = {"CARGO_MANIFEST_DIR": str(folder), "RUST_TEST_THREADS": os.environ.get("RUST_TEST_THREADS", "6")}
    return Group(name, [artifact["executable"], "--show-output"], as_libtest, folder, environment)


def python_modules():
    python = CACHE / "venv" / "bin" / "python"
    for folder in ("emulators", "system"):
        for path in sorted((REPOSITORY / "tests" / folder).glob("test_*.py")):
            command = [python, "-m", "unittest", "--verbose", path.stem]
            yield Group(f"tests/{folder} {path.stem}", command, as_unittest, path.parent)


# How they run.


def run(groups):
    known = durations()
    groups = sorted(groups, key=lambda it: known.get(it.name, TIME_LIMIT), reverse=True)
    jobs = int(os.environ.get("HA_TEST_JOBS") or 2 * os.cpu_count())
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(run_one, groups))
    known |= {it.name: round(it.seconds, 1) for it in results}
    DURATIONS.write_text(json.dumps(known, indent=1, sort_keys=True))
    return results


def durations():
    with contextlib.suppress(OSError, ValueError):
        return json.loads(DURATIONS.read_text())
    return {}


_printing = threading.Lock()


def run_one(group):
    began = time.monotonic()
    environment = {**os.environ, **group.environment}
    process = subprocess.Popen(
        group.command, cwd=group.folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = f"{process.communicate()[0]}\nended after {TIME_LIMIT} s"
    result = group.count(group.name, output, process.returncode)
    result.seconds = time.monotonic() - began
    with _printing:
        skipped = f", {result.skipped} skipped" if result.skipped else ""
        print(f"=== {group.name}: {result.passed} passed, {result.failed} failed{skipped} in {result.seconds:.0f} s", flush=True)
        if result.failed or "HA_TEST_VERBOSE" in os.environ:
            print(output, flush=True)
    return result


# How they are counted.


def as_one(name, _output, status):
    return Result(name, passed=int(status == 0), failed=int(status != 0))


def as_libtest(name, output, status):
    """What libtest counts. It knows no test that does nothing, so such a test says `skipped: REASON`."""
    total = lambda what: sum(map(int, re.findall(rf"^test result: .* (\d+) {what}[;.]", output, re.MULTILINE)))
    reasons = re.findall(r"^skipped: (.*)", output, re.MULTILINE) + ["ignored"] * total("ignored")
    if "test result: " not in output:
        return as_one(name, output, status)
    # A crash counts too.
    failed = total("failed") or int(status != 0)
    return Result(name, total("passed") - len(reasons) + total("ignored"), failed, reasons)


def as_unittest(name, output, status):
    ran = sum(map(int, re.findall(r"^Ran (\d+) tests? in ", output, re.MULTILINE)))
    reasons = re.findall(r" \.\.\. skipped ['\"](.*)['\"]$", output, re.MULTILINE)
    failed = len(re.findall(r"^(?:ERROR|FAIL): ", output, re.MULTILINE)) or int(status != 0)
    # A test may fail in several of its parts.
    failed = min(failed, max(ran, 1))
    return Result(name, max(ran - failed - len(reasons), 0), failed, reasons)


def print_reasons(results):
    reasons = sorted({(reason, it.name) for it in results for reason in it.reasons})
    for reason, name in reasons:
        print(f"skipped in {name}: {reason}")


if __name__ == "__main__":
    main()
