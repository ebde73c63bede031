"""Every argument of the kinds that this machine makes by itself (files, certificates, random strings): set, applied, taken out,
applied, and read back without `ha` each time; and what a person changes in files is seen, set back, and then gone.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

from harness import binary

HEAD = """
resource "tls_ca" "authority" {
  subject               = { common_name = "Authority" }
  validity_period_hours = 1000
}
"""
CERTIFICATE = """
  ca_certificate_pem    = tls_ca.authority.certificate_pem
  ca_private_key_pem    = tls_ca.authority.private_key_pem
  subject               = { common_name = "Member", organization = "Members" }
  validity_period_hours = 100
"""


def extensions(text):
    """What a certificate says it is for."""
    read = subprocess.run(["openssl", "x509", "-noout", "-text"], input=text, capture_output=True, text=True, check=True).stdout
    return re.sub(r"\s+", " ", read)


def has(pattern):
    return lambda text: re.search(pattern, text) is not None


def many(pattern):
    return lambda text: len(re.findall(pattern, text)) >= 60


# For each argument: the kind, what its block says besides, what is set; what is read of it, and whether it is there.
DRAWN = {
    "length = 40": ("length = 40", lambda text: len(text) == 40),
    "special": ("special = false", has(r"^[A-Za-z0-9]+$")),
    "upper": ("upper = false", has(r"^[^A-Z]+$")),
    "lower": ("lower = false", has(r"^[^a-z]+$")),
    "numeric": ("numeric = false", has(r"^[^0-9]+$")),
    "min_upper": ("min_upper = 60", many(r"[A-Z]")),
    "min_lower": ("min_lower = 60", many(r"[a-z]")),
    "min_numeric": ("min_numeric = 60", many(r"[0-9]")),
    "min_special": ("min_special = 60", many(r"[^A-Za-z0-9]")),
    "override_special": ('override_special = "~"', has(r"^[A-Za-z0-9~]+$")),
}
SIGNED = {
    "dns_names": ('dns_names = ["db.example.com"]', has("DNS:db.example.com")),
    "ip_addresses": ('ip_addresses = ["10.0.0.7"]', has("IP Address:10.0.0.7")),
    "allowed_uses": ('allowed_uses = ["server_auth"]', lambda text: "TLS Web Client Authentication" not in text),
    "key_algorithm": ('key_algorithm = "ECDSA_P384"', has("384 bit")),
}
COVERED = {
    "random_password": set(DRAWN) - {"length = 40"} | {"length", "keepers"},
    "random_string": set(DRAWN) - {"length = 40"} | {"length", "keepers"},
    "random_id": {"byte_length", "prefix", "keepers"},
    "tls_ca": {"subject", "validity_period_hours", "early_renewal_hours", "key_algorithm"},
    "tls_cert": set(SIGNED)
    | {"ca_certificate_pem", "ca_private_key_pem", "subject", "validity_period_hours", "early_renewal_hours"},
    "local_file": {
        "filename", "content", "sensitive_content", "content_base64", "file_permission", "directory_permission",
    },  # fmt: skip
    "ha_data": {"input", "triggers_replace"},
    "null_resource": {"triggers"},
}


class LocalArguments(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-local-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "home").mkdir()

    def write(self, text):
        (self.folder / "main.hcl").write_text(text)

    def ha(self, *words, expect=0):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder / "home")}
        outcome = subprocess.run(
            [binary(), *words], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        self.assertEqual(outcome.returncode, expect, f"{words}\n{outcome.stdout}\n{outcome.stderr}")
        return outcome.stdout

    def apply(self):
        self.ha("apply", "--yes")
        self.ha("plan", "--detailed-exitcode", expect=0)

    def outputs(self):
        return {name: it["value"] for name, it in json.loads(self.ha("output", "--json", "--show-sensitive")).items()}

    def planned(self):
        self.ha("plan", "--document", "plan.json")
        plan = json.loads((self.folder / "plan.json").read_text())
        return {it["address"]: it["change"]["actions"] for it in plan["resource_changes"] if it["change"]["actions"] != ["no-op"]}

    def test_every_argument_is_here(self):
        for kind, names in COVERED.items():
            schema = json.loads(subprocess.run([binary(), "schema", "--json", kind], capture_output=True, check=True).stdout)
            arguments = schema["arguments"]
            found = set(arguments) if isinstance(arguments, dict) else {it["name"] for it in arguments}
            self.assertEqual(found, names, kind)

    def test_what_is_set_is_there_and_what_is_taken_out_is_not(self):
        def written(is_set):
            text = HEAD
            for kind in ("random_password", "random_string"):
                for name, (argument, _) in DRAWN.items():
                    label, length = name.split()[0], "" if argument.startswith("length") and is_set else "length = 80\n"
                    text += f'resource "{kind}" "{label}" {{\n{length}{argument if is_set else ""}\n}}\n'
                    text += f'output "{kind}_{label}" {{\n  value = {kind}.{label}.result\n  sensitive = true\n}}\n'
            for name, (argument, _) in SIGNED.items():
                known_by = 'ip_addresses = ["127.0.0.1"]' if name == "dns_names" else 'dns_names = ["localhost"]'
                text += f'resource "tls_cert" "{name}" {{{CERTIFICATE}  {known_by}\n{argument if is_set else ""}\n}}\n'
                text += f'output "tls_cert_{name}" {{\n  value = tls_cert.{name}.certificate_pem\n}}\n'
            prefix = 'prefix = "pre-"' if is_set else ""
            text += f'resource "random_id" "prefix" {{\n  byte_length = 8\n  {prefix}\n}}\noutput "prefix" {{\n  value = random_id.prefix.hex\n}}\n'
            value = 'input = { a = [1, null] }' if is_set else ""
            text += f'resource "ha_data" "input" {{\n  {value}\n}}\noutput "input" {{\n  value = ha_data.input.output\n}}\n'
            mode = 'file_permission = "0640"' if is_set else ""
            content = 'content_base64 = "AP8="' if is_set else 'content = "plain"'
            text += f'resource "local_file" "mode" {{\n  filename = "mode"\n  content = "x"\n  {mode}\n}}\n'
            text += f'resource "local_file" "bytes" {{\n  filename = "bytes"\n  {content}\n}}\n'
            return text

        for is_set in (True, False, True):
            self.write(written(is_set))
            self.apply()
            outputs = self.outputs()
            for kind in ("random_password", "random_string"):
                for name, (_, holds) in DRAWN.items():
                    drawn = outputs[f"{kind}_{name.split()[0]}"]
                    self.assertEqual(holds(drawn), is_set, f"{kind} {name}: {drawn}")
            for name, (_, holds) in SIGNED.items():
                self.assertEqual(holds(extensions(outputs[f"tls_cert_{name}"])), is_set, name)
            self.assertEqual(outputs["prefix"].startswith("pre-"), is_set)
            self.assertEqual(outputs.get("input"), {"a": [1, None]} if is_set else None)
            self.assertEqual(self.mode("mode"), 0o640 if is_set else 0o600)
            self.assertEqual((self.folder / "bytes").read_bytes(), b"\0\xff" if is_set else b"plain")
        self.ha("destroy", "--yes")
        self.assertFalse((self.folder / "mode").exists() or (self.folder / "bytes").exists())

    def test_what_a_person_does_to_a_file_is_seen_and_set_back(self):
        contents = {
            "content": ('content = "plain"', b"plain"),
            "sensitive_content": ('sensitive_content = "hush"', b"hush"),
            "content_base64": (f'content_base64 = "{base64.b64encode(bytes(range(256))).decode()}"', bytes(range(256))),
        }
        changes = {
            "text": lambda path: path.write_bytes(b"by hand"),
            "more": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
            "empty": lambda path: path.write_bytes(b""),
            "mode": lambda path: path.chmod(0o644),
            "set-user-id": lambda path: path.chmod(0o4600),
            "gone": lambda path: path.unlink(),
        }
        text = ""
        for argument, (said, _) in contents.items():
            for change in changes:
                text += f'resource "local_file" "{argument}_{change}" {{\n  filename = "{argument}_{change}"\n  {said}\n}}\n'
        self.write(text)
        self.apply()
        for argument in contents:
            for change, do in changes.items():
                do(self.folder / f"{argument}_{change}")
        planned = self.planned()
        self.assertEqual(set(planned), {f"local_file.{argument}_{change}" for argument in contents for change in changes})
        for address, actions in planned.items():
            self.assertEqual(actions, ["create"] if address.endswith("_gone") else ["update"], address)
        self.apply()
        for argument, (_, content) in contents.items():
            for change in changes:
                path = self.folder / f"{argument}_{change}"
                self.assertEqual((path.read_bytes(), self.mode(path.name)), (content, 0o600), path.name)

    def test_a_file_is_one_however_its_path_is_written(self):
        def file(label, filename, content="x"):
            return f'resource "local_file" "{label}" {{\n  filename = "{filename}"\n  content = "{content}"\n}}\n'

        ways = ["./x", "sub/../x", ".//x", str(self.folder / "x"), f"{self.folder}/sub/./../x"]
        for way in ways:
            self.write(file("one", "x") + file("other", way))
            self.ha("plan", expect=1)
        self.write(file("one", "x"))
        self.apply()
        for way in ways:
            self.write(file("one", way))
            self.assertEqual(self.planned(), {}, way)
        # And it is changed where it is.
        self.write(file("one", "./x", "y"))
        self.assertEqual(self.planned(), {"local_file.one": ["update"]})
        self.apply()
        self.assertEqual((self.folder / "x").read_text(), "y")
        self.write(file("one", "sub/x", "y"))
        self.assertEqual(self.planned(), {"local_file.one": ["delete", "create"]})

    def mode(self, name):
        return stat.S_IMODE((self.folder / name).stat().st_mode)


if __name__ == "__main__":
    unittest.main()
