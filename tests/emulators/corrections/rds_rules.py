"""RDS: what it refuses, and what it makes of what it is asked for."""

import math
import re

from moto.core.responses import ActionResult
from moto.rds import models
from moto.rds.exceptions import DBParameterGroupNotFoundError, InvalidParameterCombination, InvalidParameterValue
from moto.rds.responses import RDSResponse

# From how many GiB on operations and throughput of gp3 can be chosen; SQL Server has no threshold.
GP3_THRESHOLDS = {"db2": 400, "mariadb": 400, "mysql": 400, "oracle": 200, "postgres": 400}
# How many numbers of a version make its major version.
MAJOR_NUMBERS = {"db2": 2, "mariadb": 2, "mysql": 2, "oracle": 1, "postgres": 1, "sqlserver": 1}


def make_all():
    a_disk_is_gp3_by_default()
    a_disk_has_rules()
    a_disk_never_shrinks_and_grows_by_a_tenth()
    a_version_never_goes_back()
    a_password_that_rds_gives_up_has_a_successor()
    a_parameter_can_be_reset()


def a_disk_is_gp3_by_default():
    """A disk of which nothing is said is gp2."""
    models.DBInstance.default_storage_type = staticmethod(lambda iops: "io1" if iops else "gp3")
    original = models.DBInstance.default_allocated_storage

    def default_allocated_storage(engine, storage_type):
        return original(engine, "gp2" if storage_type == "gp3" else storage_type)

    models.DBInstance.default_allocated_storage = staticmethod(default_allocated_storage)


def a_disk_has_rules():
    """A disk of io1 needs no operations, and a small one of gp3 takes any."""

    def check(kwargs, before=None):
        if "db_cluster_identifier" in kwargs:
            return
        engine = _family(before.engine if before else kwargs.get("engine"))
        iops = kwargs.get("iops") or None
        kind = kwargs.get("storage_type") or (before.storage_type if before else "io1" if iops else "gp3")
        size = int(kwargs.get("allocated_storage") or (before.allocated_storage if before else 0) or 0)
        becomes = kind if before is None or kwargs.get("storage_type") not in (None, before.storage_type) else None
        if becomes in ("io1", "io2") and not iops:
            raise InvalidParameterCombination(f"You must specify the iops parameter for the storage type {kind}.")
        if kind == "gp3" and size < GP3_THRESHOLDS.get(engine, 0) and (iops or kwargs.get("storage_throughput")):
            raise InvalidParameterCombination(
                f"You can't specify IOPS or storage throughput for engine {engine} and a storage size less than {GP3_THRESHOLDS[engine]}."
            )

    _checked(lambda kwargs: check(kwargs), lambda database, kwargs: check(kwargs, database))


def a_disk_never_shrinks_and_grows_by_a_tenth():
    """A disk has the size that was asked for last."""

    def check(database, kwargs):
        asked, there = kwargs.get("allocated_storage"), database.allocated_storage
        if asked is None or int(asked) == there:
            return
        if int(asked) < there:
            raise InvalidParameterCombination(f"Requested storage size ({asked}) cannot be less than current storage size ({there})")
        kwargs["allocated_storage"] = max(int(asked), math.ceil(there * 11 / 10))

    _checked(lambda kwargs: None, check)


def a_version_never_goes_back():
    """An engine can be brought to any version, and to another major one without permission."""

    def check(database, kwargs):
        wanted, there = kwargs.get("engine_version"), database.engine_version
        many = MAJOR_NUMBERS.get(_family(database.engine))
        if wanted is None or many is None:
            return
        new, old = _numbers(wanted), _numbers(there)
        common = min(len(new), len(old))
        if new[:common] < old[:common]:
            raise InvalidParameterCombination(f"Cannot upgrade {database.engine} from {there} to {wanted}")
        if new[:many] != old[: min(many, len(new))] and not kwargs.get("allow_major_version_upgrade"):
            raise InvalidParameterCombination("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")

    _checked(lambda kwargs: None, check)


def a_password_that_rds_gives_up_has_a_successor():
    """An instance whose password RDS does not manage any more has none."""

    def check(database, kwargs):
        if kwargs.get("manage_master_user_password") is False and database.manage_master_user_password:
            if not kwargs.get("master_user_password"):
                raise InvalidParameterValue("You must specify MasterUserPassword when you turn ManageMasterUserPassword off.")

    _checked(lambda kwargs: None, check)


def a_parameter_can_be_reset():
    """ResetDBParameterGroup is not known."""

    def reset_db_parameter_group(self):
        group = self.backend.db_parameter_groups.get(self.params.get("DBParameterGroupName"))
        if group is None:
            raise DBParameterGroupNotFoundError(self.params.get("DBParameterGroupName"))
        names = [it.original_dict()["ParameterName"] for it in self.params.get("Parameters", [])]
        for name in list(group.parameters) if self.params.get("ResetAllParameters") else names:
            group.parameters.pop(name, None)
        return ActionResult({"DBParameterGroupName": group.name})

    RDSResponse.reset_db_parameter_group = reset_db_parameter_group


def _checked(create, modify):
    """Looks at every request before it is carried out."""
    original_create, original_modify = models.RDSBackend.create_db_instance, models.RDSBackend.modify_db_instance

    def create_db_instance(self, db_kwargs):
        create(db_kwargs)
        return original_create(self, db_kwargs)

    def modify_db_instance(self, db_instance_identifier, db_kwargs):
        modify(self.describe_db_instances(db_instance_identifier)[0], db_kwargs)
        return original_modify(self, db_instance_identifier, db_kwargs)

    models.RDSBackend.create_db_instance = create_db_instance
    models.RDSBackend.modify_db_instance = modify_db_instance


def _family(engine):
    return (engine or "").split("-")[0]


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", str(version).split("-")[0])]
