"""What a request to AWS asks for, in whichever protocol."""

from urllib.parse import parse_qsl, unquote

# What is asked of S3 by the query's first word; the method goes before it.
BUCKET_PARTS = {
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "encryption": "BucketEncryption",
    "publicAccessBlock": "PublicAccessBlock",
    "policy": "BucketPolicy",
    "location": "BucketLocation",
    "versions": "ListObjectVersions",
    "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
}
VERBS = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "POST": "Post", "DELETE": "Delete"}


class Request:
    """One request. `action` is the API's own name for what is asked, `names` all that it names."""

    def __init__(self, method, uri, headers, body):
        self.method, self.uri, self.headers, self.body = method, uri, headers, body
        path, _, query = uri.partition("?")
        self.path, self.query = unquote(path), dict(parse_qsl(query, keep_blank_values=True))
        self.service = _service(headers.get("Authorization", ""))
        self.form = {}
        if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            self.form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        target = headers.get("X-Amz-Target", "")
        if self.service == "s3":
            self.protocol, self.action = "s3", _s3_action(method, self.bucket, self.key, self.query)
        elif target:
            self.protocol, self.action = "json", target.rpartition(".")[2]
        else:
            self.protocol = "ec2" if self.service == "ec2" else "query"
            self.action = self.form.get("Action") or self.query.get("Action", "")

    @property
    def bucket(self):
        return self.path.lstrip("/").partition("/")[0]

    @property
    def key(self):
        return self.path.lstrip("/").partition("/")[2]

    @property
    def names(self):
        if self.protocol == "s3":
            return {self.bucket}
        return set(self.form.values())

    def changes_something(self):
        if self.protocol == "s3":
            return self.method not in ("GET", "HEAD")
        return not self.action.startswith(("Describe", "List", "Get"))


def _service(authorization):
    _, _, after = authorization.partition("Credential=")
    words = after.split(",")[0].split("/")
    return words[3] if len(words) == 5 else ""


def _s3_action(method, bucket, key, query):
    if key:
        if "tagging" in query:
            return f"{VERBS.get(method, '')}ObjectTagging"
        return "CopyObject" if method == "COPY" else f"{VERBS.get(method, '')}Object"
    if not bucket:
        return "ListBuckets"
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    for word, name in BUCKET_PARTS.items():
        if word in query:
            return name if name.startswith("List") else VERBS.get(method, "") + name
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(method, "ListObjectsV2")
