"""S3: a bucket begins as buckets begin since 2023."""

import datetime

from moto.core import serialize
from moto.core.utils import utcnow
from moto.s3 import models
from moto.s3.responses import S3Response


def make_all():
    a_new_bucket_is_encrypted_and_private()
    a_deleted_bucket_takes_its_tags_with_it()
    encryption_can_be_reset_but_not_removed()
    an_unversioned_object_is_the_version_null()
    versioning_is_answered_under_its_own_name()
    a_suspended_bucket_keeps_its_versions()


def a_new_bucket_is_encrypted_and_private():
    """A new bucket has no encryption, no public access block and access lists in force."""
    original = models.FakeBucket.__init__

    def __init__(self, *arguments, **named):
        original(self, *arguments, **named)
        self.encryption = _default_encryption()
        self.public_access_block = models.PublicAccessBlock(True, True, True, True)
        self.ownership_rule = "BucketOwnerEnforced"
        # The emulator takes the time from elsewhere here, so that it would change with a restart.
        self.creation_date = utcnow().replace(tzinfo=datetime.timezone.utc)

    models.FakeBucket.__init__ = __init__


def a_deleted_bucket_takes_its_tags_with_it():
    """A new bucket has the tags of the one of its name that was deleted before."""
    original = models.S3Backend.delete_bucket

    def delete_bucket(self, bucket_name):
        deleted = original(self, bucket_name)
        if deleted:
            self.tagger.delete_all_tags_for_resource(deleted.arn)
        return deleted

    models.S3Backend.delete_bucket = delete_bucket


def encryption_can_be_reset_but_not_removed():
    """DeleteBucketEncryption leaves the bucket without any."""

    def delete_bucket_encryption(self, bucket_name):
        self.get_bucket(bucket_name).encryption = _default_encryption()

    models.S3Backend.delete_bucket_encryption = delete_bucket_encryption


def versioning_is_answered_under_its_own_name():
    """GetBucketVersioning answers `GetBucketVersioningResponse`, which clients that read strictly refuse."""
    original = serialize.S3Serializer._serialize_body

    def _serialize_body(self, body):
        if isinstance(body, dict) and "GetBucketVersioningResponse" in body:
            body = {"VersioningConfiguration": body["GetBucketVersioningResponse"]}
        return original(self, body)

    serialize.S3Serializer._serialize_body = _serialize_body


def an_unversioned_object_is_the_version_null():
    """HeadObject refuses the version that ListObjectVersions has just named."""
    original = S3Response.head_object

    def head_object(self, bucket_name, query, key_name, headers):
        if query.get("versionId") == ["null"] and not self.backend.get_bucket(bucket_name).is_versioned:
            query = {name: values for name, values in query.items() if name != "versionId"}
        return original(self, bucket_name, query, key_name, headers)

    S3Response.head_object = head_object


def a_suspended_bucket_keeps_its_versions():
    """A bucket that keeps no further versions loses the earlier ones at the first put or deletion."""
    original_put, original_delete = models.S3Backend.put_object, models.S3Backend.delete_object

    def put_object(self, bucket_name, key_name, *arguments, **named):
        bucket = self.get_bucket(bucket_name)
        kept = _earlier(bucket, key_name) if bucket.versioning_status == "Suspended" else []
        made = original_put(self, bucket_name, key_name, *arguments, **named)
        if kept:
            bucket.keys.setlist(key_name, [*kept, made])
        return made

    def delete_object(self, bucket_name, key_name, version_id=None, bypass=False):
        bucket = self.get_bucket(bucket_name)
        if bucket.versioning_status != "Suspended" or key_name not in bucket.keys:
            return original_delete(self, bucket_name, key_name, version_id, bypass)
        if version_id is None:
            marker = models.FakeDeleteMarker(key=bucket.keys[key_name])
            marker._version_id = "null"
            bucket.keys.setlist(key_name, [*_earlier(bucket, key_name), marker])
            return True, {"version-id": "null", "delete-marker": "true"}
        bucket.versioning_status = "Enabled"
        try:
            return original_delete(self, bucket_name, key_name, version_id, bypass)
        finally:
            bucket.versioning_status = "Suspended"

    def _earlier(bucket, key_name):
        return [it for it in bucket.keys.getlist(key_name, []) if str(it.version_id) != "null"]

    models.S3Backend.put_object = put_object
    models.S3Backend.delete_object = delete_object


def _default_encryption():
    return {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}
