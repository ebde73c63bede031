"""EC2: launch templates, security groups, images."""

import base64
import datetime
import re

from moto.core.responses import ActionResult
from moto.ec2 import exceptions
from moto.ec2.models import amis, launch_templates, security_groups
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.utils import parse_user_data

LARGEST_USER_DATA = 16384
# The sorts of peer that a rule can have, and the parameter of a request that names one.
PEERS = {"ipv4": "CidrIpv4", "ipv6": "CidrIpv6", "list": "PrefixListId", "group": "ReferencedGroupId"}


def make_all():
    a_launch_template_version_keeps_its_user_data()
    user_data_has_a_limit()
    a_launch_templates_own_tags_stay_out_of_its_data()
    a_launch_templates_tags_can_change()
    a_missing_launch_template_is_an_error()
    a_page_of_launch_templates_is_not_cut_short()
    authorizing_answers_with_every_rule()
    a_rule_about_a_group_keeps_its_description()
    a_rule_keeps_its_sort_of_peer()
    a_security_group_in_use_cannot_be_deleted()
    an_image_is_as_old_as_its_name_says()


def a_launch_template_version_keeps_its_user_data():
    """Only version 1 is kept in the form that a launch can read; any other makes the launch fail."""
    original = launch_templates.LaunchTemplate.create_version

    def create_version(self, data, description):
        if isinstance(data.get("UserData"), str):
            data["UserData"] = parse_user_data(data["UserData"])
        return original(self, data, description)

    launch_templates.LaunchTemplate.create_version = create_version


def user_data_has_a_limit():
    """User data of any length is taken."""
    original = launch_templates.LaunchTemplate.create_version

    def create_version(self, data, description):
        text = data.get("UserData")
        if text is not None and len(base64.b64decode(text.as_bytes() if hasattr(text, "as_bytes") else text)) > LARGEST_USER_DATA:
            raise exceptions.InvalidUserDataError(f"User data is limited to {LARGEST_USER_DATA} bytes")
        return original(self, data, description)

    launch_templates.LaunchTemplate.create_version = create_version


def a_launch_templates_own_tags_stay_out_of_its_data():
    """The tags of the template itself come back among those that its instances get."""
    original = launch_templates.LaunchTemplateBackend.create_launch_template

    def create_launch_template(self, name, description, template_data, tag_spec):
        of_others = [it for it in template_data.pop("TagSpecifications", []) if it["ResourceType"] != "launch-template"]
        if of_others:
            template_data["TagSpecifications"] = of_others
        return original(self, name, description, template_data, tag_spec)

    launch_templates.LaunchTemplateBackend.create_launch_template = create_launch_template


def a_launch_templates_tags_can_change():
    """Tags are read once, when the template is made; CreateTags and DeleteTags change nothing to see."""
    # The setter swallows what the constructor assigns.
    launch_templates.LaunchTemplate.tags = property(lambda self: self.get_tags(), lambda self, tags: None)


def a_missing_launch_template_is_an_error():
    """DescribeLaunchTemplates passes over identifiers that it does not know."""
    original = launch_templates.LaunchTemplateBackend.describe_launch_templates

    def describe_launch_templates(self, template_names=None, template_ids=None, filters=None):
        for identifier in template_ids or []:
            self.get_launch_template(identifier)
        return original(self, template_names, template_ids, filters)

    launch_templates.LaunchTemplateBackend.describe_launch_templates = describe_launch_templates


def a_page_of_launch_templates_is_not_cut_short():
    """Lists end after 15 entries without saying that there are more."""
    for action in ("describe_launch_templates", "describe_launch_template_versions"):

        def answer(self, original=getattr(LaunchTemplates, action)):
            if not self._get_int_param("MaxResults"):
                self.params["MaxResults"] = 200
            return original(self)

        setattr(LaunchTemplates, action, answer)


def authorizing_answers_with_every_rule():
    """Of several permissions in one request only the last one's rules are in the answer."""
    for direction in ("ingress", "egress"):
        action = f"authorize_security_group_{direction}"

        def answer(self, action=action):
            self.error_on_dryrun()
            rules = []
            for permission in self._process_rules_from_querystring():
                added, _ = getattr(self.ec2_backend, action)(**permission)
                rules += added
            return ActionResult({"Return": True, "SecurityGroupRules": rules})

        setattr(SecurityGroups, action, answer)


def a_rule_about_a_group_keeps_its_description():
    """DescribeSecurityGroupRules shows the descriptions of rules about addresses only."""
    rule = security_groups.SecurityGroupRule

    def description(self):
        return self.ip_range.get("Description", (self.source_group or {}).get("Description"))

    rule.description = property(description)


def a_rule_keeps_its_sort_of_peer():
    """A rule about addresses of one sort can become one about addresses of another, or about a group."""
    original = security_groups.SecurityGroupBackend.modify_security_group_rules

    def modify_security_group_rules(self, group_id, rules, *arguments, **named):
        group = self.get_security_group_by_name_or_id(group_id)
        for identifier, rule in rules.items():
            existing = group and group.get_rule(identifier)
            wanted = {sort for sort, key in PEERS.items() if rule.get(key)}
            if existing and wanted and wanted != {_sort_of_peer(existing)}:
                raise exceptions.InvalidParameterValue(f"Invalid rule type for security group rule '{identifier}'")
        return original(self, group_id, rules, *arguments, **named)

    security_groups.SecurityGroupBackend.modify_security_group_rules = modify_security_group_rules


def _sort_of_peer(rule):
    if rule.source_group:
        return "group"
    if rule.prefix_list_id:
        return "list"
    return "ipv6" if "CidrIpv6" in rule.ip_range else "ipv4"


def a_security_group_in_use_cannot_be_deleted():
    """A group can be deleted although an instance, a network interface or another group's rule still uses it."""
    original = security_groups.SecurityGroupBackend._delete_security_group

    def _delete_security_group(self, vpc_id, group_id):
        if any(_names(group_id, user) for user in self._users_of_security_groups(group_id)):
            raise exceptions.DependencyViolationError(f"resource {group_id} has a dependent object")
        return original(self, vpc_id, group_id)

    def _users_of_security_groups(self, group_id):
        for reservation in self.reservations.values():
            for instance in reservation.instances:
                if instance.state != "terminated":
                    yield [group.id for group in instance.security_groups]
        for interface in self.enis.values():
            # Those of instances are counted with their instance, which may be terminated.
            if not interface.instance:
                yield [group.id for group in interface.group_set]
        for groups in self.groups.values():
            for group in groups.values():
                if group.id != group_id:
                    for rule in group.ingress_rules + group.egress_rules:
                        yield [(rule.source_group or {}).get("GroupId")]

    def _names(group_id, user):
        return group_id in user

    security_groups.SecurityGroupBackend._users_of_security_groups = _users_of_security_groups
    security_groups.SecurityGroupBackend._delete_security_group = _delete_security_group


def an_image_is_as_old_as_its_name_says():
    """Every image was made when the emulator started, so none is the most recent and all change with a restart."""
    original = amis.Ami.__init__

    def __init__(self, *arguments, **named):
        original(self, *arguments, **named)
        date = re.search(r"(20\d\d)[-.]?(\d\d)[-.]?(\d\d)", self.name or "")
        if date and not named.get("creation_date"):
            try:
                self.creation_date = datetime.datetime(*map(int, date.groups()))
            except ValueError:
                pass

    amis.Ami.__init__ = __init__
