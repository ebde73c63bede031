"""Makes the emulator repeatable: the same request, given the same seed and time, gives the same answer.

So the emulated world can be built again from the requests that made it. The emulator takes all its
randomness from one generator and nearly all its time from one function; both are replaced here by ones
that each thread can set for the request that it is handling. Import this before any of moto's services.
"""

import contextlib
import datetime
import random
import threading

import moto.core.base_backend
import moto.core.utils
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom

# When everything that no one asked for (the default VPC and the like) was made.
BEGINNING = datetime.datetime(2020, 1, 1).timestamp()

_this_thread = threading.local()


@contextlib.contextmanager
def moment(seed, time):
    """Within it, randomness follows from `seed`, and `time` (seconds since 1970) stands still."""
    before = getattr(_this_thread, "generator", None), getattr(_this_thread, "time", None)
    _this_thread.generator, _this_thread.time = random.Random(seed), time
    try:
        yield
    finally:
        _this_thread.generator, _this_thread.time = before


def now():
    """The time that holds for the request at hand, as the emulator wants it: UTC without a zone."""
    time = getattr(_this_thread, "time", None)
    zone = datetime.timezone.utc
    found = datetime.datetime.now(zone) if time is None else datetime.datetime.fromtimestamp(time, zone)
    return found.replace(tzinfo=None)


class _PerThread(MotoRandom):
    def random(self):
        return self._generator().random()

    def getrandbits(self, count):
        return self._generator().getrandbits(count)

    @staticmethod
    def _generator():
        generator = getattr(_this_thread, "generator", None)
        if generator is None:
            generator = _this_thread.generator = random.Random()
        return generator


def _seed_what_is_made_at_first_use():
    """The default VPC of a region appears when the region is first asked about: seed it by its name."""
    original = moto.core.base_backend.AccountSpecificBackend.__getitem__

    def __getitem__(self, region):
        if region in self.keys():
            return original(self, region)
        with moment(f"{self.service_name} {self.account_id} {region}", BEGINNING):
            return original(self, region)

    moto.core.base_backend.AccountSpecificBackend.__getitem__ = __getitem__


mock_random.__class__ = _PerThread
moto.core.utils.utcnow = now
_seed_what_is_made_at_first_use()
