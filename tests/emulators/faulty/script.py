"""Which request meets which fault: by rule, or at random from a seed.

A script is JSON:

    {"rules":  [{"service": "ec2", "action": "Create*", "fault": "drop_after", "skip": 1, "times": 2}],
     "random": {"seed": 7, "rate": 0.2, "most": 40, "faults": ["throttle", "drop_after"]},
     "hidden": {"looks": 2},
     "states": {"create": ["creating", "backing-up"], "modify": ["modifying"], "delete": ["deleting"]}}

A rule's service and action may hold `*`; it lets `skip` requests pass, then strikes `times` of them (1 when left out,
-1 for all). `refuse` takes a `code`, a `message` and a `status` of one's own, `answer` a `body`, `delay` the `seconds`.
"""

import fnmatch
import random
import threading

# Each fault by name, and what it does.
FAULTS = {
    "throttle": "answered that there are too many requests; not carried out",
    "error": "answered 500 in the service's form; not carried out",
    "unavailable": "answered 503 with a page for people; not carried out",
    "refuse": "answered with the rule's own code; not carried out",
    "answer": "answered with the rule's own body; not carried out",
    "drop_before": "the connection is closed; not carried out",
    "drop_after": "carried out, and the connection closed without an answer",
    "reset_after": "carried out, and the connection reset without an answer",
    "cut": "carried out, and the connection closed in the middle of the answer",
    "error_after": "carried out, and answered 500 all the same",
    "delay": "carried out late",
}
AT_RANDOM = ("throttle", "throttle", "error", "unavailable", "drop_before", "drop_after", "reset_after", "cut", "error_after")


class Script:
    def __init__(self, script=None):
        script = script or {}
        self.rules = [{"skip": 0, "times": 1, "service": "*", "action": "*", **rule} for rule in script.get("rules", [])]
        self.random = {"rate": 0, "most": 0, "seed": 0, "faults": AT_RANDOM, **script.get("random", {})}
        unknown = {rule["fault"] for rule in self.rules} | set(self.random["faults"])
        if unknown - set(FAULTS):
            raise ValueError(f"no such faults: {', '.join(sorted(unknown - set(FAULTS)))}; there are {', '.join(FAULTS)}")
        self.hidden_looks = script.get("hidden", {}).get("looks", 0)
        self.states = script.get("states", {})
        self._seen = {}
        self._lock = threading.Lock()

    def fault(self, request):
        """What this request meets, as a rule; None when it passes."""
        with self._lock:
            for rule in self.rules:
                if fnmatch.fnmatch(request.service, rule["service"]) and fnmatch.fnmatch(request.action, rule["action"]):
                    if rule["skip"] > 0:
                        rule["skip"] -= 1
                    elif rule["times"] != 0:
                        rule["times"] -= 1
                        return rule
            return self._drawn(request)

    def _drawn(self, request):
        # By the request's own number among its like, so that it does not matter in which order different ones come.
        what = (request.service, request.action)
        number = self._seen[what] = self._seen.get(what, 0) + 1
        draw = random.Random(f"{self.random['seed']} {what} {number}")
        if self.random["most"] <= 0 or draw.random() >= self.random["rate"]:
            return None
        self.random["most"] -= 1
        return {"fault": draw.choice(self.random["faults"]), "seconds": draw.uniform(0.01, 0.2)}
