"""Instance refresh, which the emulator lacks: the machines of a group are replaced one after the other.

The machines are replaced when the refresh is started; that it takes its time is seen from its status alone, which moves on
with each look. After a restart of the emulator every refresh is at its end.
"""

from moto.autoscaling import models
from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

# What the looks at a refresh show, one after the other; the last one stays.
STATUSES = ("Pending", "InProgress", "InProgress", "Successful")
CANCELLED = ("Cancelling", "Cancelled")
AT_WORK = {"Pending", "InProgress", "Cancelling", "Baking", "RollbackInProgress"}


class Refresh:
    def __init__(self, group, preferences, desired, replaced):
        self.group, self.preferences, self.desired, self.replaced = group, preferences, desired, replaced
        self.identity, self.started, self.ended = mock_random.uuid4(), utcnow(), None
        self._statuses = list(STATUSES)

    @property
    def status(self):
        return self._statuses[0]

    def is_at_work(self):
        return self.status in AT_WORK

    def cancel(self):
        self._statuses = list(CANCELLED)

    def looked_at(self):
        """How it is; the next look shows more."""
        done = self.status == "Successful"
        shown = {
            "InstanceRefreshId": str(self.identity),
            "AutoScalingGroupName": self.group,
            "Status": self.status,
            "StartTime": self.started,
            "PercentageComplete": 100 if done else 50 if self.status == "InProgress" else 0,
            "InstancesToUpdate": 0 if done else self.replaced,
            "Preferences": self.preferences,
        }
        if self.desired:
            shown["DesiredConfiguration"] = self.desired
        if not self.is_at_work():
            self.ended = self.ended or utcnow()
            shown["EndTime"] = self.ended
        if len(self._statuses) > 1:
            self._statuses.pop(0)
        return shown


def make():
    for action in (start_instance_refresh, describe_instance_refreshes, cancel_instance_refresh):
        setattr(AutoScalingResponse, action.__name__, action)


def start_instance_refresh(self):
    group = _group(self)
    refreshes = _refreshes(group)
    if any(it.is_at_work() for it in refreshes):
        raise AutoscalingClientError("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")  # fmt: skip
    desired, preferences = self._get_param("DesiredConfiguration") or {}, self._get_param("Preferences") or {}
    template = desired.get("LaunchTemplate")
    if template:
        group.ec2_launch_template, version = _version(self, group, template)
        group.launch_template_version = group.provided_launch_template_version = version
    stale = [it for it in group.instance_states if not (_is_set(preferences, "SkipMatching") and _matches(group, it))]
    for state in stale:
        group.instance_states.remove(state)
        self.autoscaling_backend.ec2_backend.terminate_instances([state.instance.id])
    if stale:
        group.replace_autoscaling_group_instances(len(stale), group.get_propagated_tags())
    refresh = Refresh(group.name, preferences, desired, len(stale))
    refreshes.insert(0, refresh)
    return ActionResult({"InstanceRefreshId": str(refresh.identity)})


def describe_instance_refreshes(self):
    wanted = self._get_param("InstanceRefreshIds") or []
    found = [it for it in _refreshes(_group(self)) if not wanted or str(it.identity) in wanted]
    return ActionResult({"InstanceRefreshes": [it.looked_at() for it in found]})


def cancel_instance_refresh(self):
    at_work = [it for it in _refreshes(_group(self)) if it.is_at_work()]
    if not at_work:
        raise AutoscalingClientError("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto Scaling group.")  # fmt: skip
    at_work[0].cancel()
    return ActionResult({"InstanceRefreshId": str(at_work[0].identity)})


def _group(response):
    name = response._get_param("AutoScalingGroupName")
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise AutoscalingClientError("ValidationError", f"AutoScalingGroup name not found - {name}")
    return group


def _refreshes(group):
    """Those of a group, the newest first."""
    if not hasattr(group, "instance_refreshes"):
        group.instance_refreshes = []
    return group.instance_refreshes


def _version(response, group, template):
    """The template and the version that a refresh is to bring, which must be there."""
    ec2 = response.autoscaling_backend.ec2_backend
    identity = template.get("LaunchTemplateId") or (group.ec2_launch_template and group.ec2_launch_template.id)
    found = ec2.launch_templates.get(identity)
    if "LaunchTemplateName" in template:
        found = ec2.get_launch_template_by_name(template["LaunchTemplateName"])
    version = str(template.get("Version", "$Default"))
    if found is None or (version.isdigit() and int(version) > len(found.versions)):
        raise AutoscalingClientError("ValidationError", "You must use a valid fully-formed launch template. The specified launch template or version does not exist.")  # fmt: skip
    return found, version


def _matches(group, state):
    launched = state.launch_template or {}
    return launched.get("Version") == str(group.ec2_launch_template.get_version(group.launch_template_version).number)


def _is_set(preferences, name):
    return str(preferences.get(name, "")).lower() == "true"
