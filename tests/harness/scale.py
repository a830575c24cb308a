"""Two factors from the environment that adapt the tests to fast and slow builds.

SPORE_SLOW   stretches every wait and time-out (a sanitizer run sets 4).
SPORE_SCALE  shrinks or grows sizes and counts (a sanitizer run sets 0.1).
"""

import os

SLOW = float(os.environ.get("SPORE_SLOW", "1"))
SCALE = float(os.environ.get("SPORE_SCALE", "1"))

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


def seconds(value):
    """A time limit, stretched by SPORE_SLOW."""
    return value * SLOW


def count(value, least=1):
    """A number of connections or rounds, scaled by SPORE_SCALE."""
    return max(least, int(value * SCALE))


def size(value, least=64 * KIB):
    """A number of bytes, scaled by SPORE_SCALE."""
    return max(least, int(value * SCALE))
