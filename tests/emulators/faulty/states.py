"""Database instances that take their time: each look shows the next state of the script, the last one being the truth.

A state with a `*` at its end stays for good.
"""

import re
import threading

from .answers import refused

CHANGES = {"CreateDBInstance": "create", "ModifyDBInstance": "modify", "RebootDBInstance": "modify", "DeleteDBInstance": "delete"}
INSTANCE = re.compile(r"<DBInstance>.*?</DBInstance>", re.DOTALL)
IDENTIFIER = re.compile(r"<DBInstanceIdentifier>([^<]*)</DBInstanceIdentifier>")
STATUS = re.compile(r"<DBInstanceStatus>[^<]*</DBInstanceStatus>")
ENDPOINT = re.compile(r"<Endpoint>.*?</Endpoint>", re.DOTALL)


class States:
    def __init__(self, states):
        self._scripts = states
        self._queues = {}
        # The last whole answer about an instance, to show while it is going.
        self._last = {}
        self._going = {}
        self._lock = threading.Lock()

    def refusal(self, request):
        """The answer where the instance's state decides it."""
        name = request.form.get("DBInstanceIdentifier", "")
        if request.service != "rds" or not name:
            return None
        with self._lock:
            if request.action in ("ModifyDBInstance", "DeleteDBInstance", "RebootDBInstance") and self._queues.get(name):
                message = f"Instance {name} is not in available state."
                return refused(request, 400, "InvalidDBInstanceState", message)
            if request.action == "DescribeDBInstances" and self._going.get(name):
                self._going[name].pop(0)
                shown = self._last[name]
                return shown.with_body(STATUS.sub("<DBInstanceStatus>deleting</DBInstanceStatus>", shown.body.decode()).encode())
        return None

    def seen(self, request, answer):
        """The answer with the states that the script shows; and takes note of changes."""
        if request.service != "rds" or not answer.is_success():
            return answer
        name = request.form.get("DBInstanceIdentifier", "")
        with self._lock:
            change = CHANGES.get(request.action)
            if change == "delete":
                self._queues.pop(name, None)
                self._going[name] = list(self._scripts.get("delete", [])) if name in self._last else []
            elif change:
                self._going.pop(name, None)
                self._queues[name] = list(self._scripts.get(change, []))
            elif request.action == "DescribeDBInstances":
                if name:
                    self._last[name] = answer
                text = INSTANCE.sub(lambda it: self._shown(it[0]), answer.body.decode())
                return answer.with_body(text.encode())
        return answer

    def _shown(self, instance):
        queue = self._queues.get(IDENTIFIER.search(instance)[1])
        if not queue:
            return instance
        state = queue[0]
        if not state.endswith("*"):
            queue.pop(0)
        instance = STATUS.sub(f"<DBInstanceStatus>{state.rstrip('*')}</DBInstanceStatus>", instance)
        return ENDPOINT.sub("", instance) if state == "creating" else instance
