"""What documents say together is held against each other, and a whole example contradicts itself nowhere."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import REPOSITORY, binary

DOCUMENTS = """
data "circleci_settings" "this" {{
  hostname          = "ci.example.com"
  secret_passphrase = "placeholder"
  ghe_client_id     = "placeholder"
  ghe_client_secret = "placeholder"
  aws_region        = "eu-west-1"
  s3_bucket         = "artifacts"
  sqs_queue_url     = "https://sqs.eu-west-1.amazonaws.com/1/placeholder"
}}
data "circleci_replicated_config" "this" {{
  daemon_authentication_password = "placeholder"
  tls_bootstrap_hostname         = "{hostname}"
  license_file_location          = "{licence}"
}}
data "userdata" "services" {{
  region         = "eu-west-1"
  replicated_tag = "2.38.6"
  files = [for path in ["/etc/license.rli", "/etc/settings.conf"] :
    {{ path = path, bucket = "b", key = "k", sha256 = sha256("x") }}]
}}
"""


class Documents(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-documents-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def ha(self, directory, *words):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder)}
        return subprocess.run(
            [binary(), *words], cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    def test_the_quick_start_is_valid_before_anything_is_known(self):
        shutil.copytree(REPOSITORY / "examples" / "quickstart", self.folder / "quickstart", ignore=shutil.ignore_patterns(".ha"))
        outcome = self.ha(self.folder / "quickstart", "validate")
        self.assertEqual(outcome.returncode, 0, outcome.stderr)

    def test_names_and_paths_are_the_same_everywhere(self):
        for hostname, licence, problems in (
            ("ci.example.com", "/etc/license.rli", []),
            ("ci.exmaple.com", "/etc/license.rli", ["tls_bootstrap_hostname"]),
            ("ci.exmaple.com", "/etc/licence.rli", ["tls_bootstrap_hostname", "license_file_location"]),
        ):
            (self.folder / "main.hcl").write_text(DOCUMENTS.format(hostname=hostname, licence=licence))
            for command in ("validate", "plan"):
                outcome = self.ha(self.folder, command)
                self.assertEqual(outcome.returncode, 1 if problems else 0, outcome.stderr)
                for name in ("tls_bootstrap_hostname", "license_file_location", "import_settings_from"):
                    self.assertEqual(f"error[HA0606]: `{name}` is" in outcome.stderr, name in problems, outcome.stderr)


if __name__ == "__main__":
    unittest.main()
