"""Errors in the form that each protocol of AWS gives them."""

import json
from xml.sax.saxutils import escape

REQUEST_ID = "fa017000-0000-4000-8000-000000000000"
# What a service says when it is asked too often: status, code, message.
THROTTLES = {
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "s3": (503, "SlowDown", "Please reduce your request rate."),
    "kms": (400, "ThrottlingException", "Rate exceeded"),
}
USUAL_THROTTLE = (400, "Throttling", "Rate exceeded")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def is_success(self):
        return self.status < 400

    def with_body(self, body):
        return Answer(self.status, self.headers, body)


def throttled(request):
    return refused(request, *THROTTLES.get(request.service, USUAL_THROTTLE))


def failed(request):
    code = "InternalFailure" if request.protocol in ("query", "json") else "InternalError"
    return refused(request, 500, code, "We encountered an internal error. Please try again.")


def unavailable(request):
    """What stands in front of a service may answer too, and does not speak its language."""
    page = b"<html><body><h1>503 Service Unavailable</h1>No server is available to handle this request.</body></html>"
    return Answer(503, [("Content-Type", "text/html")], page)


def refused(request, status, code, message):
    given = {"code": escape(code), "message": escape(message), "id": REQUEST_ID}
    if request.protocol == "json":
        body = json.dumps({"__type": code, "message": message}).encode()
        return Answer(status, [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", REQUEST_ID)], body)
    return Answer(status, [("Content-Type", "text/xml")], FORMS[request.protocol].format(**given).encode())


FORMS = {
    "ec2": "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>",
    "query": "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
    "s3": "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>",
}
