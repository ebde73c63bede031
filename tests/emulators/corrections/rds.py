"""RDS: instances of PostgreSQL are real servers, and arguments are kept."""

import re

import psycopg
from moto.moto_api._internal import mock_random
from moto.rds import models
from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    DBInstanceNotFoundError,
    DBSubnetGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)

import postgresql_server

from . import rds_rules

ENGINE = "postgres"
# Arguments whose change waits for the maintenance window, with the names under which they wait.
WAITING = {
    "allocated_storage": "AllocatedStorage",
    "db_instance_class": "DBInstanceClass",
    "engine_version": "EngineVersion",
    "iops": "Iops",
    "license_model": "LicenseModel",
    "multi_az": "MultiAZ",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}
# What a request may say besides changes.
NOT_A_CHANGE = {"db_instance_identifier", "apply_immediately", "allow_major_version_upgrade"}


def make_all(postgresql_servers, unlocked):
    """`postgresql_servers` makes, starts and removes the servers (see `PostgresqlServers` in emulator.py);
    within `unlocked()` other requests are answered meanwhile."""
    an_instance_has_an_identity_of_its_own()
    an_instance_of_postgresql_says_what_aws_says()
    an_instance_keeps_its_arguments()
    a_change_waits_for_the_maintenance_window()
    a_modification_must_modify()
    a_master_password_has_rules()
    a_last_snapshot_must_be_taken_or_declined()
    a_subnet_group_is_made_once()
    a_subnet_group_survives_a_change()
    an_instance_of_postgresql_is_a_real_server(postgresql_servers, unlocked)
    rds_rules.make_all()


def an_instance_has_an_identity_of_its_own():
    """All instances have the same DbiResourceId."""
    original = models.DBInstance.__init__

    def __init__(self, *arguments, **named):
        original(self, *arguments, **named)
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        self.dbi_resource_id = "db-" + "".join(mock_random.choice(letters) for _ in range(26))

    models.DBInstance.__init__ = __init__


def an_instance_of_postgresql_says_what_aws_says():
    """Licence, key, version and second zone are made up or missing."""
    original = models.DBInstance.__init__

    def __init__(self, *arguments, **named):
        if named.get("engine") == ENGINE:
            named["engine_version"] = _available_version(named.get("engine_version"))
            named.setdefault("license_model", "postgresql-license")
        original(self, *arguments, **named)
        if self.db_cluster_identifier is None and self.storage_encrypted and not named.get("kms_key_id"):
            self.kms_key_id = f"arn:aws:kms:{self.region}:{self.account_id}:key/{mock_random.uuid4()}"

    def secondary_availability_zone(self):
        if not self.multi_az:
            return None
        group = getattr(self, "db_subnet_group", None)
        zones = [subnet.availability_zone for subnet in group._subnets] if group else [f"{self.region}a", f"{self.region}b"]
        return next((zone for zone in sorted(zones) if zone != self.availability_zone), None)

    models.DBInstance.__init__ = __init__
    models.DBInstance.secondary_availability_zone = property(secondary_availability_zone)


def _available_version(wanted):
    """A major version stands for the newest minor one; there is only the version that is installed here."""
    installed = postgresql_server.installed_version()
    if wanted is None or wanted == installed.split(".")[0]:
        return installed
    if wanted.split(".")[0] != installed.split(".")[0]:
        raise InvalidParameterCombination(f"Cannot find version {wanted} for postgres (this emulator has {installed})")
    return wanted


def an_instance_keeps_its_arguments():
    """Performance Insights, monitoring and network type are taken and forgotten; a change of port has no effect."""
    original_init, original_update = models.DBInstance.__init__, models.DBInstance.update

    def __init__(self, *arguments, **named):
        original_init(self, *arguments, **named)
        _keep(self, named)

    def update(self, **named):
        port = named.pop("db_port_number", None)
        original_update(self, **named)
        if port is not None:
            self.port = int(port)
        _keep(self, named)

    def _keep(self, named):
        enabled = named.get("enable_performance_insights")
        if enabled is not None or not hasattr(self, "performance_insights_enabled"):
            self.performance_insights_enabled = bool(enabled)
        for name in ("performance_insights_retention_period", "performance_insights_kms_key_id"):
            if named.get(name) is not None:
                setattr(self, name, named[name])
        if not self.performance_insights_enabled:
            self.performance_insights_retention_period = self.performance_insights_kms_key_id = None
        elif getattr(self, "performance_insights_retention_period", None) is None:
            self.performance_insights_retention_period = 7
        for name, default in (
            ("monitoring_interval", 0),
            ("monitoring_role_arn", None),
            ("network_type", "IPV4"),
            ("backup_target", "region"),
        ):
            if named.get(name) is not None or not hasattr(self, name):
                setattr(self, name, named.get(name, default))

    models.DBInstance.__init__ = __init__
    models.DBInstance.update = update


def a_modification_must_modify():
    """ModifyDBInstance without any change is taken."""
    original = models.RDSBackend.modify_db_instance

    def modify_db_instance(self, db_instance_identifier, db_kwargs):
        if not set(db_kwargs) - NOT_A_CHANGE:
            raise InvalidParameterCombination("No modifications were requested")
        return original(self, db_instance_identifier, db_kwargs)

    models.RDSBackend.modify_db_instance = modify_db_instance


def a_change_waits_for_the_maintenance_window():
    """What is not to be applied immediately is applied all the same. Here the window never comes: the next change that is
    to be applied immediately takes what waits along, as with AWS."""
    original = models.RDSBackend.modify_db_instance

    def modify_db_instance(self, db_instance_identifier, db_kwargs):
        database = self.describe_db_instances(db_instance_identifier)[0]
        pending = getattr(database, "pending_modified_values", None) or {}
        if db_kwargs.get("apply_immediately"):
            earlier = {name: pending[told] for name, told in WAITING.items() if told in pending}
            changed = original(self, db_instance_identifier, {**earlier, **db_kwargs})
            changed.pending_modified_values = {}
            return changed
        waiting = {
            told: db_kwargs[name]
            for name, told in WAITING.items()
            if db_kwargs.get(name) is not None and db_kwargs[name] != getattr(database, name, None)
        }
        at_once = {name: value for name, value in db_kwargs.items() if name not in WAITING}
        changed = original(self, db_instance_identifier, at_once)
        changed.pending_modified_values = {**pending, **waiting}
        return changed

    models.RDSBackend.modify_db_instance = modify_db_instance


def a_master_password_has_rules():
    """Any password is taken."""
    original_create, original_modify = models.RDSBackend.create_db_instance, models.RDSBackend.modify_db_instance

    def create_db_instance(self, db_kwargs):
        _check(db_kwargs.get("master_user_password"))
        return original_create(self, db_kwargs)

    def modify_db_instance(self, db_instance_identifier, db_kwargs):
        _check(db_kwargs.get("master_user_password"))
        return original_modify(self, db_instance_identifier, db_kwargs)

    def _check(password):
        if password is None:
            return
        if not 8 <= len(password) <= 128:
            raise InvalidParameterValue(
                "The parameter MasterUserPassword is not a valid password because it is shorter than 8 or longer than 128 characters."
            )
        if not re.fullmatch(r"[!-~]+", password) or re.search(r"[/@\"]", password):
            raise InvalidParameterValue(
                "The parameter MasterUserPassword is not a valid password. "
                "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used."
            )

    models.RDSBackend.create_db_instance = create_db_instance
    models.RDSBackend.modify_db_instance = modify_db_instance


def a_last_snapshot_must_be_taken_or_declined():
    """An instance goes without a snapshot when no one says anything."""
    original = models.RDSBackend.delete_db_instance

    def delete_db_instance(self, db_instance_identifier, final_db_snapshot_identifier=None, skip_final_snapshot=False, **named):
        if db_instance_identifier in self.databases:
            if skip_final_snapshot and final_db_snapshot_identifier:
                raise InvalidParameterCombination("FinalDBSnapshotIdentifier can not be specified when skipping final snapshot")
            if not skip_final_snapshot and not final_db_snapshot_identifier:
                raise InvalidParameterCombination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        return original(self, db_instance_identifier, final_db_snapshot_identifier, skip_final_snapshot, **named)

    models.RDSBackend.delete_db_instance = delete_db_instance


def a_subnet_group_is_made_once():
    """A second CreateDBSubnetGroup of the same name replaces the first."""
    original = models.RDSBackend.create_subnet_group

    def create_subnet_group(self, subnet_name, *arguments, **named):
        if subnet_name in self.subnet_groups:
            raise RDSClientError("DBSubnetGroupAlreadyExists", f"The DB subnet group '{subnet_name}' already exists.")
        return original(self, subnet_name, *arguments, **named)

    models.RDSBackend.create_subnet_group = create_subnet_group


def a_subnet_group_survives_a_change():
    """ModifyDBSubnetGroup answers with the changed group and forgets it."""
    original = models.RDSBackend.modify_db_subnet_group

    def modify_db_subnet_group(self, subnet_name, *arguments, **named):
        if subnet_name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(subnet_name)
        self.subnet_groups[subnet_name] = original(self, subnet_name, *arguments, **named)
        return self.subnet_groups[subnet_name]

    models.RDSBackend.modify_db_subnet_group = modify_db_subnet_group


def an_instance_of_postgresql_is_a_real_server(servers, unlocked):
    """Behind the address of an instance there is nothing."""
    backend = models.RDSBackend
    original_create, original_modify, original_delete = (
        backend.create_db_instance,
        backend.modify_db_instance,
        backend.delete_db_instance,
    )
    original_address, original_endpoint = models.DBInstance.address, models.DBInstance.endpoint

    def create_db_instance(self, db_kwargs):
        if db_kwargs["db_instance_identifier"].lower() in self.databases:
            raise DBInstanceAlreadyExists()
        if db_kwargs.get("engine") == ENGINE and db_kwargs.get("master_username", "").lower() in (
            postgresql_server.SUPERUSER,
            "rds_superuser",
            "admin",
        ):
            raise InvalidParameterValue(
                f"MasterUsername {db_kwargs['master_username']} cannot be used as it is a reserved word used by the engine"
            )
        database = original_create(self, db_kwargs)
        if not _is_real(database):
            return database
        # Others see it as RDS shows it meanwhile: there, but not ready.
        database.status = "creating"
        try:
            with unlocked():
                servers.make(database, db_kwargs.get("master_user_password"))
        except (postgresql_server.Problem, psycopg.Error, OSError) as problem:
            del self.databases[database.db_instance_identifier]
            raise InvalidParameterCombination(
                f"the PostgreSQL server for {database.db_instance_identifier} could not be made: {problem}"
            ) from None
        database.status = "available"
        return database

    def modify_db_instance(self, db_instance_identifier, db_kwargs):
        database = _ready(self, db_instance_identifier)
        port = database.port
        changed = original_modify(self, db_instance_identifier, db_kwargs)
        if _is_real(changed):
            try:
                if changed.port != port:
                    servers.move(changed)
                if db_kwargs.get("master_user_password"):
                    servers.set_password(changed, db_kwargs["master_user_password"])
            except (postgresql_server.Problem, psycopg.Error, OSError) as problem:
                changed.port = port
                raise InvalidParameterCombination(
                    f"the PostgreSQL server of {db_instance_identifier} could not be changed: {problem}"
                ) from None
        return changed

    def delete_db_instance(self, db_instance_identifier, *arguments, **named):
        _ready(self, db_instance_identifier)
        database = original_delete(self, db_instance_identifier, *arguments, **named)
        if _is_real(database):
            with unlocked():
                servers.remove(database)
        return database

    def _ready(self, identifier):
        database = self.databases.get(identifier.lower())
        if database is None:
            raise DBInstanceNotFoundError(identifier)
        if database.status == "creating":
            raise RDSClientError("InvalidDBInstanceState", f"Instance {identifier} is not in available state.")
        return database

    def endpoint(self):
        return None if self.status == "creating" else original_endpoint.fget(self)

    def address(self):
        return postgresql_server.ADDRESS if _is_real(self) else original_address.fget(self)

    backend.create_db_instance = create_db_instance
    backend.modify_db_instance = modify_db_instance
    backend.delete_db_instance = delete_db_instance
    models.DBInstance.address = property(address)
    models.DBInstance.endpoint = property(endpoint)


def _is_real(database):
    return database.engine == ENGINE and database.db_cluster_identifier is None and not database.is_replica
