"""What `ha` keeps is for its owner's eyes, whatever the umask is, and its memory for no one's."""

import contextlib
import fcntl
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import binary, mongod, own_port
from started import Started

MAIN = """
resource "random_password" "drawn" {
  length = 24
}
resource "local_file" "written" {
  filename          = "made/written.conf"
  sensitive_content = random_password.drawn.result
}
resource "ha_data" "this" {
  input = "this"
}
"""


# A member of a replica set on this machine, with all files that it takes.
MEMBER = """
variable "places" {
  type = object({ folder = string, mongod = string, port = number })
}
locals {
  host = "127.0.0.16"
}
resource "tls_ca" "this" {
  subject               = { common_name = "Private", organization = "Example" }
  validity_period_hours = 24
}
resource "tls_cert" "this" {
  ca_certificate_pem    = tls_ca.this.certificate_pem
  ca_private_key_pem    = tls_ca.this.private_key_pem
  subject               = { common_name = local.host, organization = "Private" }
  ip_addresses          = [local.host]
  validity_period_hours = 24
}
data "mongodb_config" "this" {
  version       = "6.0.5"
  root          = var.places.folder
  replica_set   = "private"
  bind_ip       = [local.host]
  port          = var.places.port
  cache_size_gb = 0.25
  oplog_size_mb = 128
  fork          = true
}
resource "mongodb_host" "this" {
  host               = local.host
  port               = var.places.port
  replica_set        = "private"
  version            = "6.0.5"
  config             = data.mongodb_config.this.content
  certificate_pem    = tls_cert.this.bundle_pem
  ca_certificate_pem = tls_ca.this.certificate_pem
  keep_data          = false
  process {
    root   = var.places.folder
    mongod = var.places.mongod
  }
}
"""


class Privacy(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-privacy-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        for name in ("configuration", "home"):
            (self.folder / name).mkdir()
        self.configuration = self.folder / "configuration"
        (self.configuration / "main.hcl").write_text(MAIN)

    def started(self, *words, **others):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "TERM": "xterm"}
        command = Started([binary(), *words], cwd=self.configuration, env=environment, **others)
        self.addCleanup(command.__exit__)
        return command

    def ha(self, *words, **others):
        command = self.started(*words, **others)
        self.assertEqual(command.ends(), 0, command.printed)

    def test_all_files_are_their_owners_whatever_the_umask(self):
        for umask in (0o000, 0o022, 0o077):
            with self.subTest(f"{umask:03o}"):
                given = {"umask": umask}
                self.ha("apply", "--yes", "--json-into=apply.json", **given)
                self.ha("plan", "--out=plan.ha", "--document=plan.json", "--replace=random_password.drawn", **given)
                self.ha("state", "mv", "ha_data.this", "ha_data.that", **given)
                stopped = self.started("apply", at_terminal=True, **given)
                stopped.sees("Only `yes` is taken for one")
                self.assertEqual(self.others_may(), [])
                stopped.send(signal.SIGTERM)
                self.assertEqual(stopped.ends(), 130, stopped.printed)
                console = self.started("console", at_terminal=True, **given)
                console.sees("> ")
                console.types("1 + 41\r")
                console.sees("\n42")
                # Before it asks again, a Ctrl-D would be the terminal's, and lost.
                console.waits_until(lambda: "> " in console.printed.rpartition("\n42")[2])
                console.types("\x04")
                self.assertEqual(console.ends(), 0, console.printed)
                self.assertEqual(self.others_may(), [])
                self.ha("destroy", "--yes", **given)
                for name in (".ha", "apply.json", "plan.ha", "plan.json"):
                    left = self.configuration / name
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
                shutil.rmtree(self.folder / "home")
                (self.folder / "home").mkdir()

    def test_so_are_those_of_a_mongod_on_this_machine(self):
        root = self.folder / "mongodb"
        places = {"folder": str(root), "mongod": str(mongod()), "port": own_port("127.0.0.16")}
        (self.configuration / "main.hcl").write_text(MEMBER)
        (self.configuration / "places.auto.hclvars.json").write_text(json.dumps({"places": places}))
        given = {"umask": 0}
        self.addCleanup(lambda: self.started("destroy", "--yes").ends())
        self.ha("apply", "--yes", **given)
        # Other files under the same names, and the member takes them into use while it runs.
        self.ha("apply", "--yes", "--replace=tls_cert.this", **given)
        made = list(root.rglob("*"))
        self.assertLessEqual({"mongod.conf", "mongodb.pem", "ca.pem", "mongod.lock", "mongod.log"}, {path.name for path in made})
        self.assertEqual([f"{path}: {path.stat().st_mode & 0o777:03o}" for path in made if path.stat().st_mode & 0o077], [])

    def others_may(self):
        """What anybody but the owner may do something with: of what is made, all but the folder the configuration asks for."""
        expected = {"ha.state", "ha.state.lock", "plan.ha", "plan.json", "apply.json", "written.conf"}
        kept = [path for where in (self.configuration, self.folder / "home") for path in where.rglob("*")]
        self.assertLessEqual(expected, {path.name for path in kept})
        self.assertTrue(any(path.suffix == ".key" for path in kept) and any(path.parent.name == "backups" for path in kept))
        own = {self.configuration / "main.hcl", self.configuration / "made"}
        ours = [path for path in kept if path not in own and path.name not in (".config", ".local", "state")]
        return [f"{path}: {path.stat().st_mode & 0o777:03o}" for path in ours if path.stat().st_mode & 0o077]

    def test_its_memory_is_nobodys(self):
        if os.geteuid() == 0:
            # Of what belongs to root, everything looks the same.
            user = {"user": 65534, "group": 65534, "extra_groups": []}
            shutil.copy(binary(), self.folder / "ha")
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, 65534, 65534)
        else:
            user = {}
            (self.folder / "ha").symlink_to(binary())
        with self.waiting(user) as ours, self.a_program(user) as other:
            for name in ("environ", "maps", "mem"):
                # What may not be looked into is shown as root's.
                self.assertEqual(os.stat(f"/proc/{ours.pid}/{name}").st_uid, 0, name)
                self.assertNotEqual(os.stat(f"/proc/{other.pid}/{name}").st_uid, 0, name)
                for pid, status in ((ours.pid, 1), (other.pid, 0)):
                    looked = subprocess.run(["head", "-c0", f"/proc/{pid}/{name}"], stderr=subprocess.DEVNULL, **user)
                    self.assertEqual(looked.returncode, status, name)
            self.assertFalse(self.leaves_a_core(ours))
            # Unless the system keeps no cores at all, another program leaves one.
            if pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip() == "core":
                self.assertTrue(self.leaves_a_core(other))

    @contextlib.contextmanager
    def waiting(self, user):
        """An `ha` that has begun and waits for the lock."""
        (self.configuration / ".ha").mkdir()
        with open(self.configuration / ".ha" / "ha.state.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in (self.configuration / ".ha", self.configuration / ".ha" / "ha.state.lock"):
                shutil.chown(path, user.get("user"), user.get("group")) if user else None
            with self.a_program(user, self.folder / "ha", "apply", "--yes", "--lock-timeout", "10m") as ours:
                self.assertIn("waiting: ", ours.stderr.readline())
                yield ours

    @contextlib.contextmanager
    def a_program(self, user, *words):
        process = subprocess.Popen(
            words or ["sleep", "600"],
            cwd=self.configuration,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2),
            **user,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stderr.close()

    def leaves_a_core(self, process):
        process.send_signal(signal.SIGQUIT)
        _, status = os.waitpid(process.pid, 0)
        return os.WCOREDUMP(status)


if __name__ == "__main__":
    unittest.main()
