"""Things just made that AWS does not know yet when it is asked about them.

How long is counted in looks, not in seconds: the first so many requests that name the thing are answered as if it were
not there.
"""

import re
import threading
import xml.etree.ElementTree as ElementTree

from .answers import refused

# Service and action that makes something: where its names stand (in the form, or in the answer), and the error for
# one who names it too early.
MADE = {
    ("ec2", "CreateSecurityGroup"): ((), ("groupId",), (400, "InvalidGroup.NotFound", "The security group '{}' does not exist")),
    ("ec2", "CreateLaunchTemplate"): (
        ("LaunchTemplateName",),
        ("launchTemplateId",),
        (400, "InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID {}, does not exist."),
    ),
    ("iam", "CreateRole"): (("RoleName",), (), (404, "NoSuchEntity", "The role with name {} cannot be found.")),
    ("iam", "CreateInstanceProfile"): (
        ("InstanceProfileName",),
        (),
        (404, "NoSuchEntity", "Instance Profile {} cannot be found."),
    ),
    ("rds", "CreateDBInstance"): (("DBInstanceIdentifier",), (), (404, "DBInstanceNotFound", "DBInstance {} not found.")),
    ("autoscaling", "CreateAutoScalingGroup"): (("AutoScalingGroupName",), (), (400, "ValidationError", "AutoScalingGroup name not found - {}")),
    ("s3", "CreateBucket"): ((), (), (404, "NoSuchBucket", "The specified bucket does not exist")),
}  # fmt: skip
# Elements that stand for one thing in a list.
ITEMS = {"item", "member", "DBInstance", "AutoScalingGroup"}
TOO_EARLY = (400, "ValidationError", "You must use a valid fully-formed launch template. Value ({}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name")  # fmt: skip


class Visibility:
    def __init__(self, looks):
        self._looks = looks
        self._hidden = {}
        self._profiles = {}
        self._lock = threading.Lock()

    def refusal(self, request):
        """The error for a request that names what is not visible yet."""
        if (request.service, request.action) in MADE and request.action != "CreateAutoScalingGroup":
            return None
        with self._lock:
            if request.action == "CreateAutoScalingGroup":
                return self._unknown_profile(request)
            if self._is_list(request):
                return None
            for service, name in request_names(request):
                error = self._look(service, name)
                if error:
                    return refused(request, error[0], error[1], error[2].format(name))
        return None

    def seen(self, request, answer):
        """The answer as it is while some of it is not visible yet; and takes note of what was made."""
        made = MADE.get((request.service, request.action))
        if made and answer.is_success() and self._looks:
            self._take_note(request, answer, made)
        if not answer.is_success() or not self._is_list(request):
            return answer
        with self._lock:
            hidden = {name for service, name in request_names(request) if self._look(service, name)}
        return answer.with_body(_without(answer.body, hidden)) if hidden else answer

    def _take_note(self, request, answer, made):
        in_form, in_answer, error = made
        names = [request.form[it] for it in in_form if it in request.form]
        names += [name for it in in_answer for name in re.findall(f"<{it}>([^<]+)</{it}>", answer.body.decode())[:1]]
        if request.service == "s3":
            names.append(request.bucket)
        with self._lock:
            for name in names:
                # A create that is told twice makes it once.
                self._hidden.setdefault((request.service, name), [self._looks, error])
            if request.action == "CreateInstanceProfile":
                self._profiles.setdefault(names[0], self._looks)

    def _look(self, service, name):
        entry = self._hidden.get((service, name))
        if entry is None or entry[0] <= 0:
            return None
        entry[0] -= 1
        return entry[1]

    def _unknown_profile(self, request):
        for name, left in self._profiles.items():
            if left > 0:
                self._profiles[name] -= 1
                return refused(request, *TOO_EARLY[:2], TOO_EARLY[2].format(name))
        return None

    @staticmethod
    def _is_list(request):
        """Whether what is not there is left out of the answer rather than refused."""
        if request.service == "ec2" and request.action.startswith("Describe"):
            return any(name.startswith("Filter.") for name in request.form)
        return request.action == "DescribeAutoScalingGroups"


def request_names(request):
    return sorted((request.service, name) for name in request.names)


def _without(body, names):
    """An XML answer without the list entries that have one of these names."""
    root = ElementTree.fromstring(body)
    space = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
    if space:
        ElementTree.register_namespace("", space)
    for parent in root.iter():
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ITEMS and any(it.text in names for it in child):
                parent.remove(child)
    return ElementTree.tostring(root)
