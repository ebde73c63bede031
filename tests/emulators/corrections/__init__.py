"""Where the emulator differs from AWS in ways that `ha` would notice, corrected one by one.

Each correction is a function whose name says what holds once it has run; a line under the name says
what the emulator does without it.
"""

from . import autoscaling, ec2, rds, s3


def make_all(postgresql_servers, unlocked):
    """Corrects the emulator; see `rds.make_all` for the arguments."""
    for service in (autoscaling, ec2, s3):
        service.make_all()
    rds.make_all(postgresql_servers, unlocked)
