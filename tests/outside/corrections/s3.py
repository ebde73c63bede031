"""S3: a bucket begins as buckets begin since 2023."""

import datetime

from moto.core import serialize
from moto.core.utils import utcnow
from moto.s3 import models


def make_all():
    a_new_bucket_is_encrypted_and_private()
    encryption_can_be_reset_but_not_removed()
    versioning_is_answered_under_its_own_name()


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


def _default_encryption():
    return {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}
