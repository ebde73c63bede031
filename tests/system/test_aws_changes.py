"""Changes of what AWS has: those that it always refuses are refused by the plan, those that can be made in place are, and
what AWS has made of a wish is no difference. Each scenario has a directory of its own beside one emulator."""

import json
import re
import subprocess
import unittest

from harness import TIME_LIMIT, QuickStart, binary

PROVIDER = """
provider "aws" {
  region     = "REGION"
  endpoint   = "ENDPOINT"
  access_key = "test"
  secret_key = "test"
}
"""

DATABASE = """
resource "aws_db_instance" "pg" {
  identifier          = "NAME"
  engine              = "mysql"
  engine_version      = "8.0.32"
  instance_class      = "db.m5.large"
  allocated_storage   = 100
  username            = "circle"
  password            = "correct-horse-battery"
  skip_final_snapshot = true
  apply_immediately   = true
}
"""


SPELLING = """
resource "aws_security_group" "web" {
  name = "NAME"

  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["10.1.2.3/16"]
  }

  ingress {
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["10.2.0.0/16"]
  }
}
"""

RULES = """
resource "aws_security_group" "web" {
  name = "NAME"
}

resource "aws_vpc_security_group_ingress_rule" "one" {
  security_group_id = aws_security_group.web.id
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = "10.0.0.0/8"
}

resource "aws_vpc_security_group_ingress_rule" "other" {
  security_group_id = aws_security_group.web.id
  ip_protocol       = "6"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "10.0.0.0/8"
  description       = "other"
}
"""

ROLE = """
resource "aws_iam_role" "machine" {
  name               = "NAME"
  path               = "/"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
  lifecycle {
    create_before_destroy = false
  }
}

resource "aws_iam_role_policy" "own" {
  name   = "own"
  role   = aws_iam_role.machine.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })
}

resource "aws_iam_role_policy_attachment" "reads" {
  role       = aws_iam_role.machine.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_instance_profile" "machine" {
  name = "NAME"
  role = aws_iam_role.machine.name
}
"""


class Directory:
    """A configuration and its state."""

    def __init__(self, test, name, text, region="eu-west-1"):
        self.test, self.name, self.text, self.region = test, name, text, region
        self.folder = test.system.folder / name
        self.folder.mkdir()
        self.aws = test.system.aws
        self.write()

    def write(self, *changes):
        """The configuration as it was first, but for these changes: what is written, and what takes its place."""
        text = self.text
        for old, new in changes:
            if old not in text:
                raise AssertionError(f"{old!r} is not in the configuration")
            text = text.replace(old, new)
        text = (PROVIDER + text).replace("NAME", self.name).replace("REGION", self.region)
        (self.folder / "main.hcl").write_text(text.replace("ENDPOINT", f"http://127.0.0.1:{self.test.system.aws_port}"))

    def ha(self, *words, expect=0):
        done = subprocess.run(
            [binary(), *words],
            cwd=self.folder,
            env=self.test.system.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
        )
        # As it reads without the ends of lines, which depend on its length.
        said = re.sub(r"\s+", " ", done.stdout + done.stderr)
        if done.returncode != expect:
            self.test.fail(f"{self.name}: {' '.join(words)}: exit status {done.returncode}, expected {expect}\n{said}")
        return said

    def apply(self):
        said = self.ha("apply", "--yes")
        self.expect_nothing()
        return said

    def expect_nothing(self):
        self.ha("plan", "--detailed-exitcode")

    def expect_refused(self, *words):
        said = self.ha("plan", expect=1)
        for word in words:
            self.test.assertIn(word, said)

    def actions(self):
        document = json.loads(
            subprocess.run(
                [binary(), "plan", "--document", "-"],
                cwd=self.folder,
                env=self.test.system.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                check=True,
            ).stdout
        )
        return {it["address"]: it["change"]["actions"] for it in document["resource_changes"] if it["change"]["actions"] != ["no-op"]}

    def database(self, name=None):
        return self.aws.rds.describe_db_instances(DBInstanceIdentifier=name or self.name)["DBInstances"][0]

    def modify(self, **changes):
        self.aws.rds.modify_db_instance(DBInstanceIdentifier=self.name, ApplyImmediately=True, **changes)


class Changes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = QuickStart()
        cls.addClassCleanup(cls.system.remove)
        cls.system.run("start")

    def test_a_set_shows_only_the_elements_that_differ(self):
        here = Directory(self, "spelling", SPELLING)
        here.apply()
        group = self.system.aws.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["spelling"]}])["SecurityGroups"][0]
        rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "192.168.0.0/16"}]}
        self.system.aws.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
        said = here.ha("plan")
        self.assertIn("192.168.0.0/16", said)
        # What is only written differently in the configuration is no part of the difference.
        self.assertNotIn("10.1.2.3/16", said)
        self.assertNotIn("10.1.0.0/16", said)
        said = here.ha("plan", "--refresh-only")
        self.assertNotIn("10.1.2.3/16", said)
        self.assertNotIn("10.1.0.0/16", said)
        here.apply()

    def test_a_protected_database_is_not_planned_to_be_deleted(self):
        here = Directory(self, "protected", DATABASE)
        on = ("apply_immediately   = true", "apply_immediately   = true\n  deletion_protection = true")
        here.write(on)
        here.apply()
        said = here.ha("destroy", "--yes", expect=1)
        self.assertIn("is protected against deletion", said)
        self.assertIn("deletion_protection = false", said)
        here.write()
        here.apply()
        here.ha("destroy", "--yes")

    def test_a_disk_never_shrinks(self):
        here = Directory(self, "shrinks", DATABASE)
        here.apply()
        here.write(("allocated_storage   = 100", "allocated_storage   = 50"))
        here.expect_refused("never makes one smaller", "allocated_storage = 100")
        # Whoever made it larger: what is written is not what is there, and cannot be brought about.
        here.write()
        here.modify(AllocatedStorage=200)
        here.expect_refused("allocated_storage = 200")
        here.write(("allocated_storage   = 100", "allocated_storage   = 200"))
        here.expect_nothing()

    def test_a_disk_that_grows_is_as_large_as_it_should_be(self):
        grows = ("allocated_storage   = 100", "allocated_storage   = 100\n  max_allocated_storage = 500")
        here = Directory(self, "grows", DATABASE)
        here.write(grows)
        here.apply()
        here.modify(AllocatedStorage=180)
        here.expect_nothing()
        # Without the limit there is nothing that would have made it grow.
        here.write()
        here.expect_refused("allocated_storage = 180")
        # RDS makes a growth of less than a tenth one of a tenth.
        here.write(("allocated_storage   = 100", "allocated_storage   = 185"))
        here.apply()
        self.assertEqual(here.database()["AllocatedStorage"], 198)

    def test_versions_only_go_forward_and_major_ones_with_permission(self):
        here = Directory(self, "versions", DATABASE)
        here.apply()
        here.modify(EngineVersion="8.0.35")
        here.expect_refused("never goes back to 8.0.32", "8.0.35")
        for version in ("8.0", "8.0.35"):
            here.write(('"8.0.32"', f'"{version}"'))
            here.expect_nothing()
        here.write(('"8.0.32"', '"8.4"'))
        here.expect_refused("allow_major_version_upgrade = true")
        here.write(('"8.0.32"', '"8.4"\n  allow_major_version_upgrade = true'))
        here.apply()
        self.assertTrue(here.database()["EngineVersion"].startswith("8.4"))

    def test_how_changes_are_made_is_no_change(self):
        here = Directory(self, "manner", DATABASE)
        here.apply()
        here.write(("apply_immediately   = true", "apply_immediately   = false\n  allow_major_version_upgrade = true"))
        here.expect_nothing()

    def test_a_database_is_renamed_in_place(self):
        output = '\noutput "host" {\n  value = aws_db_instance.pg.address\n}\n'
        here = Directory(self, "first", DATABASE + output)
        here.apply()
        before = here.database()
        here.write(('"NAME"', '"second"'))
        self.assertEqual(here.actions(), {"aws_db_instance.pg": ["update"]})
        said = here.apply()
        self.assertNotIn("LOSES DATA", said)
        after = here.database("second")
        self.assertEqual(after["DbiResourceId"], before["DbiResourceId"])
        self.assertIn("second", here.ha("output", "--raw", "host"))
        here.write(('engine              = "mysql"', 'engine              = "mariadb"'), ('"8.0.32"', '"10.11"'))
        self.assertIn("LOSES DATA", here.ha("plan"))
        self.assertIn("LOSES DATA", here.ha("plan", "--destroy"))

    def test_what_rds_never_takes_is_not_valid(self):
        here = Directory(self, "invalid", DATABASE)
        disk = "allocated_storage   = 100"
        for changes, said in (
            ([(disk, f'{disk}\n  storage_type = "io1"')], "io1 needs `iops`"),
            ([(disk, f"{disk}\n  iops = 12000\n  storage_type = \"gp3\"")], "from 400 GiB"),
            ([(disk, f"{disk}\n  port = 443")], "1150 to 65535"),
            ([(disk, "allocated_storage = 110.5")], "a whole number is required"),
            ([(disk, f"{disk}\n  port = 5432.5")], "a whole number is required"),
            ([(disk, f"{disk}\n  iops = 1500.5")], "a whole number is required"),
            ([('"db.m5.large"', '"m5.large"')], "`m5.large` is not an instance class"),
            ([('engine              = "mysql"', 'engine = "postgresql"')], "did you mean `postgres`?"),
            ([('engine              = "mysql"', 'engine = "aurora-mysql"')], "in a cluster only"),
            ([(disk, f'{disk}\n  parameter_group_name = "default.mysql5.7"')], "is not for mysql 8.0.32"),
            ([(disk, f'{disk}\n  vpc_security_group_ids = ["default"]')], "is not the id of a security group"),
            ([(disk, f"{disk}\n  vpc_security_group_ids = []")], "at least one security group"),
            ([(disk, f'{disk}\n  db_name = "my-db"')], "not `my-db`"),
            ([(disk, f'{disk}\n  ca_cert_identifier = "rds-ca-2048"')], "is not a certificate authority of RDS"),
            ([(disk, f"{disk}\n  monitoring_interval = 20")], "is 1, 5, 10, 15, 30 or 60 seconds"),
            ([(disk, f"{disk}\n  performance_insights_enabled = true\n  performance_insights_retention_period = 365")], "not 365"),
        ):
            with self.subTest(said):
                here.write(*changes)
                self.assertIn(said, here.ha("validate", expect=1))

    def test_a_rule_has_one_description(self):
        rule = 'ingress {\n    protocol = "tcp"\n    from_port = 80\n    to_port = 80\n    cidr_blocks = ["10.0.0.0/8"]\n    description = "'
        group = f'\nresource "aws_security_group" "web" {{\n  name = "NAME"\n  {rule}one"\n  }}\n  {rule}other"\n  }}\n}}\n'
        self.assertIn("EC2 stores one description", Directory(self, "twice", group).ha("validate", expect=1))

    def test_two_blocks_for_one_rule_are_refused_before_there_is_a_group(self):
        here = Directory(self, "rules", RULES)
        twice = ("= 443\n  to_port           = 443", "= 80\n  to_port           = 80")
        here.write(twice)
        here.expect_refused("are the same object")
        here.write()
        here.apply()
        # Rules of their own are none of the group's business.
        self.assertNotIn("changed outside", here.ha("plan"))
        here.write(twice)
        here.expect_refused("are the same object")

    def test_what_one_block_claims_no_other_looks_after(self):
        group = ('name = "NAME"', 'name = "NAME"\n  ingress = []')
        here = Directory(self, "claimed", RULES)
        here.write(group)
        here.expect_refused("`aws_security_group.web` manages all its incoming rules", "ingress_rule.one", "ingress_rule.other")
        here.write()
        here.apply()
        here.write(group)
        here.expect_refused("`aws_security_group.web` manages all its incoming rules")
        here = Directory(self, "claims", ROLE)
        claims = 'path               = "/"\n  managed_policy_arns = []\n  inline_policy = []'
        here.write(('path               = "/"', claims))
        here.expect_refused("aws_iam_role_policy.own", "aws_iam_role_policy_attachment.reads", "`managed_policy_arns`")
        here.write(('path               = "/"', claims), ("create_before_destroy = false", "ignore_changes = all"))
        here.ha("plan")

    def test_names_of_roles_differ_in_more_than_case(self):
        other = ROLE.split("\n}\n")[0].replace('"machine"', '"other"').replace('"NAME"', '"BUILD"') + "\n}\n"
        here = Directory(self, "build", ROLE + other)
        here.expect_refused("`aws_iam_role.machine` and `aws_iam_role.other` are the same object", "case does not count")

    def test_a_role_in_a_profile_can_be_made_anew(self):
        renamed = ('resource "aws_iam_role" "machine" {\n  name               = "NAME"', 'resource "aws_iam_role" "machine" {\n  name = "NAME-2"')
        for name, changes in {
            "renamed": [renamed],
            "renamed-first": [renamed, ("create_before_destroy = false", "create_before_destroy = true")],
            "moved": [('path               = "/"', 'path = "/build/"')],
        }.items():
            with self.subTest(name):
                here = Directory(self, name, ROLE)
                here.apply()
                before = self.profile(name)
                here.write(*changes)
                here.apply()
                after = self.profile(name)
                self.assertEqual(after["InstanceProfileId"], before["InstanceProfileId"])
                self.assertNotEqual(after["Roles"][0]["RoleId"], before["Roles"][0]["RoleId"])
                role = after["Roles"][0]["RoleName"]
                attached = self.system.aws.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
                self.assertEqual([it["PolicyName"] for it in attached], ["ReadOnlyAccess"])
                here.ha("destroy", "--yes")

    def profile(self, name):
        return self.system.aws.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]

    def test_a_bucket_that_is_emptied_by_force_loses_data(self):
        bucket = '\nresource "aws_s3_bucket" "files" {\n  bucket = "NAME"\n  force_destroy = true\n}\n'
        here = Directory(self, "forced", bucket)
        here.apply()
        self.system.aws.s3.put_object(Bucket="forced", Key="theirs", Body=b"x")
        self.assertIn("LOSES DATA", here.ha("plan", "--destroy"))
        here.write(('"NAME"', '"forced-2"'))
        self.assertIn("LOSES DATA", here.ha("plan"))
        here.write(("force_destroy = true", "force_destroy = false"))
        here.apply()
        self.assertIn("holds objects that `ha` did not put there", here.ha("plan", "--destroy", expect=1))
        self.system.aws.s3.delete_object(Bucket="forced", Key="theirs")
        self.assertNotIn("LOSES DATA", here.ha("plan", "--destroy"))

    def test_the_european_cloud_has_names_of_its_own(self):
        bucket = '\nresource "aws_s3_bucket" "files" {\n  bucket = "NAME"\n}\n\noutput "arn" {\n  value = aws_s3_bucket.files.arn\n}\n'
        here = Directory(self, "sovereign", bucket, region="eusc-de-east-1")
        planned = here.ha("plan")
        self.assertIn("arn:aws-eusc:s3:::sovereign", planned)


if __name__ == "__main__":
    unittest.main()
