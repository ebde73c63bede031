"""What holds of every argument of every kind of AWS: set, it is told; changed by somebody else, it is seen and set back;
taken out, it is told again, or no change is planned. Read back by Amazon's own client.

All arguments go through it side by side, each in a resource of its own."""

import json
import subprocess
import unittest

from aws_arguments import ELSEWHERE, KEPT, KINDS
from harness import TIME_LIMIT, QuickStart, binary

HEAD = """
variable "endpoint" {}
variable "target_group" {}
variable "option_group" {}
variable "key" {}

provider "aws" {
  region     = "eu-west-1"
  endpoint   = var.endpoint
  access_key = "test"
  secret_key = "test"
}

locals {
  reads = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }] })
  trust = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

resource "aws_launch_template" "base" {
  name          = "base-template"
  image_id      = "ami-785db401"
  instance_type = "m5.large"
}

resource "aws_db_subnet_group" "base" {
  name       = "base-subnets"
  subnet_ids = data.aws_subnets.default.ids
}

resource "aws_db_parameter_group" "base" {
  name   = "base-parameters"
  family = "mysql8.0"
}

resource "aws_security_group" "base" {
  name   = "base-firewall"
  vpc_id = data.aws_vpc.default.id
}

resource "aws_iam_role" "base" {
  name               = "base-role"
  assume_role_policy = local.trust
}

resource "aws_s3_bucket" "base" {
  bucket = "base-bucket"
}
"""


class Case:
    """One argument in a resource of its own."""

    def __init__(self, kind, number, argument):
        self.kind, self.number, self.argument = kind, number, argument
        self.of = KINDS[kind]
        self.label = argument.path.replace(".", "_")
        self.name = f"{kind.removeprefix('aws_').replace('_', '-')[:20].rstrip('-')}-{number}"
        self.address = f"{kind}.{self.label}"

    def said(self, is_set):
        said = {**self.of.always, **(self.argument.set if is_set else self.argument.without)}
        return {name: value for name, value in said.items() if value is not None}

    def block(self, is_set):
        bucket = ""
        if self.of.always.get("bucket") == "BUCKET":
            bucket = f'resource "aws_s3_bucket" "of_{self.label}" {{\n  bucket = "{self.name}"\n}}\n'
        lines = [written(name, value) for name, value in self.said(is_set).items()]
        text = f'{bucket}resource "{self.kind}" "{self.label}" {{\n' + "".join(lines) + "}\n"
        text = text.replace("NAME_", self.name).replace("NAME", f'"{self.name}"')
        text = text.replace("BUCKET", f"aws_s3_bucket.of_{self.label}.bucket")
        return text.replace('"PORT"', "PORT").replace("PORT", str(1000 + self.number))

    def read(self, aws):
        return self.argument.read(self.of.find(aws, self.name))

    def goes_alone(self):
        """Whether taking it out changes nothing else that the block says."""
        before, after = self.said(True), self.said(False)
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == {self.argument.path}


def written(name, value):
    """An argument, or a block where the value is one."""
    sign = "" if value.startswith("{\n") else "= "
    return f"  {name} {sign}{value}\n"


CASES = [Case(kind, number, it) for kind, of in KINDS.items() for number, it in enumerate(of.arguments)]


def optional(fields, at=""):
    """The arguments and fields of blocks that may be left out and can change in place."""
    for name, field in fields.items():
        if field.get("immutable"):
            continue
        path = f"{at}{name}"
        if not field.get("required"):
            yield path
        yield from optional(field.get("fields", {}), f"{path}.")


class Arguments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = QuickStart()
        cls.addClassCleanup(cls.system.remove)
        cls.system.run("start")
        cls.aws = cls.system.aws
        cls.folder = cls.system.folder / "arguments"
        cls.folder.mkdir()
        targets = cls.aws.elbv2.create_target_group(Name="base", Protocol="HTTP", Port=80, VpcId=cls.network())["TargetGroups"]
        options = {"EngineName": "mysql", "MajorEngineVersion": "8.0", "OptionGroupDescription": "of a test"}
        cls.aws.rds.create_option_group(OptionGroupName="own", **options)
        values = {
            "endpoint": f"http://127.0.0.1:{cls.system.aws_port}",
            "target_group": targets[0]["TargetGroupArn"],
            "option_group": "own",
            "key": cls.aws.kms.create_key()["KeyMetadata"]["Arn"],
        }
        (cls.folder / "ha.hclvars").write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))

    @classmethod
    def network(cls):
        return cls.aws.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]

    def ha(self, *words, expect=0):
        done = subprocess.run(
            [binary(), *words],
            cwd=self.folder,
            env=self.system.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
        )
        if done.returncode != expect:
            self.fail(f"{' '.join(words)}: exit status {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def write(self, is_set):
        (self.folder / "main.hcl").write_text(HEAD + "".join(case.block(is_set) for case in CASES))

    def planned(self):
        """What a plan does to each address that it does anything to."""
        document = json.loads(self.ha("plan", "--document", "-"))
        found = {it["address"]: it["change"]["actions"] for it in document["resource_changes"]}
        return {address: actions for address, actions in found.items() if actions != ["no-op"]}

    def apply(self):
        self.ha("apply", "--yes")
        self.assertEqual(self.planned(), {}, "what was applied is what was planned")

    def expect_told(self):
        for case in CASES:
            if case.argument.told is not ELSEWHERE:
                with self.subTest(case.address, name=case.name):
                    self.assertEqual(case.read(self.aws), case.argument.told)

    def expect_gone(self, planned):
        for case in CASES:
            gone = case.argument.gone
            with self.subTest(case.address, name=case.name):
                if case.goes_alone():
                    self.assertEqual(planned.get(case.address), None if gone is KEPT else ["update"])
                if gone is not ELSEWHERE:
                    self.assertEqual(case.read(self.aws), case.argument.told if gone is KEPT else gone)

    def test_every_argument_is_told_set_back_and_taken_out(self):
        self.write(is_set=True)
        self.apply()
        self.expect_told()

        drifted = [case for case in CASES if case.argument.drift]
        for case in drifted:
            case.argument.drift(self.aws, case.name)
        planned = self.planned()
        for case in drifted:
            with self.subTest(case.address, name=case.name):
                self.assertEqual(planned.get(case.address), ["update"])
        self.assertEqual(planned.keys() - {case.address for case in drifted}, set(), "nothing else has changed")
        self.apply()
        self.expect_told()

        self.write(is_set=False)
        planned = self.planned()
        self.apply()
        self.expect_gone(planned)

    def test_no_argument_is_forgotten(self):
        for kind in json.loads(self.ha("schema", "--json")):
            if kind["mode"] != "managed" or kind["provider"] != "aws":
                continue
            of = KINDS[kind["kind"]]
            known = {*of.own, *of.required, *of.untold, *(it.path for it in of.arguments)}
            with self.subTest(kind["kind"]):
                self.assertEqual(set(optional(kind["arguments"])) - known, set())


if __name__ == "__main__":
    unittest.main()
