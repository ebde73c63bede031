"""Runs a history under both engines, step by step."""

import pathlib
import shutil

from drawn_histories import History
from two_engines import Ha, Terraform, trouble
from two_engines_compared import Comparison


class Run:
    """What a history of edits came to."""

    def __init__(self):
        # What differs, one line each.
        self.found = []
        # The reasons for what was let pass.
        self.allowed = []
        # Steps that both took.
        self.steps = 0
        # Steps that both refused.
        self.refused = 0


def drawn(seed, folder, binary, spelling, edits=3):
    """A configuration drawn at random, and edits to it."""
    history = History(seed)

    def steps():
        for number in range(edits + 1):
            if number:
                history.edit()
            yield history.steps[-1]

    return follow(steps(), pathlib.Path(folder) / str(seed), binary, spelling, history.undo)


def follow(steps, folder, binary, spelling, undo=lambda: None):
    shutil.rmtree(folder, ignore_errors=True)
    outcome = Run()
    terraform, ha = Terraform(folder / "terraform"), Ha(folder / "ha", binary, spelling)
    for number, step in enumerate(steps):
        comparison = Comparison(terraform, ha)
        taken = take(comparison, step)
        outcome.found += [f"step {number} ({step.what}; {' '.join(step.options)}): {it}" for it in comparison.found]
        outcome.allowed += comparison.allowed
        if taken == "refused":
            outcome.refused += 1
            undo()
        else:
            outcome.steps += 1
        if taken == "over" or comparison.found:
            break
    return outcome


def take(comparison, step):
    """Plans, applies and compares; says whether the step was `taken` or `refused`, or the history is `over`."""
    terraform, ha = comparison.terraform, comparison.ha
    their_plan, theirs = terraform.plan(step)
    our_plan, ours = ha.plan(step)
    if theirs is None and ours is None:
        return "refused"
    if theirs is None or ours is None:
        return refused_by_one(comparison, step, their_plan, theirs, our_plan, ours)
    chosen = any(it.startswith("target=") for it in step.options)
    comparison.plans(theirs, ours, "destroy" in step.options, chosen)
    if their_plan.returncode != our_plan.returncode and not comparison.allowed:
        comparison.differ("plan's exit code", their_plan.returncode, our_plan.returncode)
    their_apply, our_apply = terraform.apply(), ha.apply()
    if their_apply.returncode != our_apply.returncode:
        said = [trouble(it) if it.returncode else "applies" for it in (their_apply, our_apply)]
        comparison.differ("apply", *said)
        return "over"
    comparison.orders(their_apply, our_apply)
    comparison.states(our_apply.returncode == 0 and not chosen)
    if not step.options and not our_apply.returncode:
        again, plan = ha.plan(step)
        if again.returncode:
            left = [it for it in (plan or {}).get("resource_changes", []) if it["change"]["actions"] != ["no-op"]]
            comparison.differ("the second plan", "is empty", left or trouble(again))
    return "taken"


def refused_by_one(comparison, step, their_plan, theirs, our_plan, ours):
    if theirs is None and "no change found for" in their_plan.stderr:
        comparison.allowed.append("terraform fails when a trigger has no instances")
    elif theirs is None and "destroy" in step.options:
        comparison.allowed.append("what is destroyed needs no expression that works")
    elif ours is None and comparison.terraform.apply().returncode:
        comparison.allowed.append("ha refuses at plan what terraform refuses at apply")
    else:
        said = [trouble(plan) if it is None else "plans" for plan, it in ((their_plan, theirs), (our_plan, ours))]
        comparison.differ("plan", *said)
    return "over"
