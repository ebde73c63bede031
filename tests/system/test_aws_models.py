"""What Amazon's own models say of the values that a call takes, held against what `ha validate` refuses: nothing that a
model excludes gets past the plan, and every word that a model lists is taken."""

import gzip
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import botocore
from aws_arguments import KINDS
from harness import TIME_LIMIT, binary
from test_aws_arguments import HEAD, written

TEMPLATE = "LaunchTemplateData"
# The service, the call and the place in it that each argument ends in. Where there is none the model says nothing of it.
PLACES = {
    "aws_autoscaling_group": {
        "name": "autoscaling CreateAutoScalingGroup AutoScalingGroupName",
        "launch_template.name": "autoscaling CreateAutoScalingGroup LaunchTemplate LaunchTemplateName",
        "deletion_protection": "autoscaling CreateAutoScalingGroup DeletionProtection",
        "health_check_type": "autoscaling CreateAutoScalingGroup HealthCheckType",
    },
    "aws_db_instance": {
        "master_user_authentication_type": "rds CreateDBInstance MasterUserAuthenticationType",
    },
    "aws_db_parameter_group": {
        "parameter.apply_method": "rds ModifyDBParameterGroup Parameters ApplyMethod",
    },
    "aws_iam_instance_profile": {
        "name": "iam CreateInstanceProfile InstanceProfileName",
        "path": "iam CreateInstanceProfile Path",
        "role": "iam AddRoleToInstanceProfile RoleName",
        "tags KEY": "iam CreateInstanceProfile Tags Key",
        "tags VALUE": "iam CreateInstanceProfile Tags Value",
    },
    "aws_iam_role": {
        "name": "iam CreateRole RoleName",
        "path": "iam CreateRole Path",
        "description": "iam CreateRole Description",
        "max_session_duration": "iam CreateRole MaxSessionDuration",
        "permissions_boundary": "iam CreateRole PermissionsBoundary",
        "inline_policy.name": "iam PutRolePolicy PolicyName",
        "tags KEY": "iam CreateRole Tags Key",
        "tags VALUE": "iam CreateRole Tags Value",
    },
    "aws_iam_role_policy": {
        "name": "iam PutRolePolicy PolicyName",
        "role": "iam PutRolePolicy RoleName",
    },
    "aws_iam_role_policy_attachment": {
        "role": "iam AttachRolePolicy RoleName",
        "policy_arn": "iam AttachRolePolicy PolicyArn",
    },
    "aws_launch_template": {
        "name": "ec2 CreateLaunchTemplate LaunchTemplateName",
        "description": "ec2 CreateLaunchTemplate VersionDescription",
        "instance_type": f"ec2 CreateLaunchTemplate {TEMPLATE} InstanceType",
        "placement.tenancy": f"ec2 CreateLaunchTemplate {TEMPLATE} Placement Tenancy",
        "instance_initiated_shutdown_behavior": f"ec2 CreateLaunchTemplate {TEMPLATE} InstanceInitiatedShutdownBehavior",
        "metadata_options.http_tokens": f"ec2 CreateLaunchTemplate {TEMPLATE} MetadataOptions HttpTokens",
        "metadata_options.http_endpoint": f"ec2 CreateLaunchTemplate {TEMPLATE} MetadataOptions HttpEndpoint",
        "metadata_options.http_protocol_ipv6": f"ec2 CreateLaunchTemplate {TEMPLATE} MetadataOptions HttpProtocolIpv6",
        "metadata_options.instance_metadata_tags": f"ec2 CreateLaunchTemplate {TEMPLATE} MetadataOptions InstanceMetadataTags",
        "block_device_mappings.ebs.volume_type": f"ec2 CreateLaunchTemplate {TEMPLATE} BlockDeviceMappings Ebs VolumeType",
    },
    "aws_s3_bucket_server_side_encryption_configuration": {
        "rule.apply_server_side_encryption_by_default.sse_algorithm": "s3 PutBucketEncryption"
        " ServerSideEncryptionConfiguration Rules ApplyServerSideEncryptionByDefault SSEAlgorithm",
    },
    "aws_s3_bucket_versioning": {
        "versioning_configuration.status": "s3 PutBucketVersioning VersioningConfiguration Status",
    },
    "aws_s3_object": {
        "key": "s3 PutObject Key",
        "server_side_encryption": "s3 PutObject ServerSideEncryption",
        "storage_class": "s3 PutObject StorageClass",
    },
}
# Words of the models that are not for a client to say, or not for buckets in a region.
NOT_FOR_US = {"aws:fsx", "aws:backup", "OUTPOSTS", "SNOW", "FSX_OPENZFS", "FSX_ONTAP"}
NOT_FOR_US |= {"AWS_BACKUP_WARM", "AWS_BACKUP_LOW_COST_WARM"}
# What a block says beside what all of its kind do.
ALWAYS = {
    "aws_db_instance": {"engine": '"postgres"'},
    "aws_iam_role_policy": {"name": '"own"', "role": "aws_iam_role.base.name", "policy": "local.reads"},
    "aws_iam_role_policy_attachment": {
        "role": "aws_iam_role.base.name",
        "policy_arn": '"arn:aws:iam::aws:policy/ReadOnlyAccess"',
    },
}
# What stands in no pattern's middle, or in few.
ODD = " !\"#$%&*<>|;,:/\\^é§\t\x7f"
# What a field needs beside it.
BESIDE = {
    "inline_policy.name": "  policy = local.reads\n",
    "parameter.apply_method": '  name = "max_connections"\n  value = "100"\n',
}


def models():
    """The newest model of each service that is asked about."""
    data = pathlib.Path(botocore.__file__).parent / "data"
    services = {place.split()[0] for places in PLACES.values() for place in places.values()}
    newest = {service: sorted((data / service).iterdir())[-1] / "service-2.json.gz" for service in services}
    return {service: json.loads(gzip.decompress(path.read_bytes())) for service, path in newest.items()}


def shape_at(model, call, *members):
    shape = model["shapes"][model["operations"][call]["input"]["shape"]]
    for member in members:
        shape = model["shapes"][shape["members"][member]["shape"]]
        if shape["type"] == "list":
            shape = model["shapes"][shape["member"]["shape"]]
    return shape


def fits(shape, text):
    """Whether a string is what the model asks for. Its patterns are Java's, which knows classes that Python's does not."""
    pattern = shape.get("pattern")
    if pattern is None or "\\uD7FF" in pattern:
        return True
    pattern = pattern.replace("\\p{L}", "a-zA-Zäöüé").replace("\\p{Z}", " ").replace("\\p{N}", "0-9")
    return re.fullmatch(pattern, text, re.ASCII) is not None


def values(shape):
    """Values at the limits of a shape and beyond, each with whether it is one: None where only more rules could tell."""
    if "enum" in shape:
        yield from ((word, True) for word in shape["enum"] if word not in NOT_FOR_US)
        yield "no-such-word", False
    elif shape["type"] == "integer":
        yield from ((shape["min"] - 1, False), (shape["min"], True), (shape["max"], True), (shape["max"] + 1, False))
    else:
        if shape.get("min"):
            yield "a" * (shape["min"] - 1), False
        if shape.get("max"):
            yield "a" * (shape["max"] + 1), False
        middle = (f"a{odd * max(shape.get('min', 1), 3)}b" for odd in ODD)
        yield from ((text, False) for text in middle if not fits(shape, text))


class Case:
    def __init__(self, number, kind, path, value, is_taken):
        self.number, self.kind, self.path, self.value, self.is_taken = number, kind, path, value, is_taken
        self.address = f"{kind}.n{number}"
        self.line = None

    def block(self, first):
        """The block as text. The argument's line is kept, which are counted from `first`."""
        value = json.dumps(self.value, ensure_ascii=False).replace("${", "$${").replace("\x7f", "\\u007f")
        said = {**KINDS[self.kind].always, **ALWAYS.get(self.kind, {})}
        name, *fields = self.path.split(" ")[0].split(".")
        said.pop(name, None)
        lines = [f'resource "{self.kind}" "n{self.number}" {{']
        for other, text in said.items():
            text = text.replace("NAME_", f"n-{self.number}").replace("NAME", f'"n-{self.number}"')
            text = text.replace("BUCKET", "aws_s3_bucket.base.bucket").replace('"PORT"', "1").replace("PORT", "1")
            lines += written(other, text).rstrip("\n").split("\n")
        argument = f"{fields[-1] if fields else name} = {value}"
        if self.path.endswith(" KEY"):
            argument = f'{name} = {{ {value} = "x" }}'
        elif self.path.endswith(" VALUE"):
            argument = f"{name} = {{ key = {value} }}"
        blocks = [name, *fields][:-1]
        lines += [f"{it} {{" for it in blocks] + BESIDE.get(self.path, "").splitlines()
        self.line = first + len(lines)
        return "\n".join([*lines, argument, *["}" for _ in blocks], "}\n"])


def cases():
    known = models()
    found = []
    for kind, places in PLACES.items():
        for path, place in places.items():
            service, *rest = place.split()
            for value, is_taken in values(shape_at(known[service], *rest)):
                found.append(Case(len(found), kind, path, value, is_taken))
    return found


class Models(unittest.TestCase):
    def test_what_a_model_excludes_is_refused_and_what_it_lists_is_taken(self):
        all_cases = cases()
        text = HEAD
        for case in all_cases:
            text += case.block(text.count("\n") + 1)
        told = self.validated(text)
        self.assertGreater(len(all_cases), 500)
        for case in all_cases:
            lines = told.get(case.address, {})
            with self.subTest(case.kind, path=case.path, value=case.value):
                if case.is_taken:
                    self.assertNotIn(case.line, lines, "a model lists it")
                else:
                    self.assertIn(case.line, lines, "a model excludes it")

    def validated(self, text):
        """What is wrong, by address and line."""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "main.hcl").write_text(text)
            command = [binary(), "validate", "--json"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIME_LIMIT)
        told = {}
        for it in json.loads(done.stdout)["diagnostics"]:
            place = it.get("range") or {"start": {"line": 0}}
            told.setdefault(it.get("address"), {})[place["start"]["line"]] = it["summary"]
        return told


if __name__ == "__main__":
    unittest.main()
