"""How many users a canary holds: sticky buckets are a coin for each of them."""

import math

from analysis.power.counts import Counts

_MANY = 100
"""Users in a canary from which on their number hardly varies."""

_RARE = 1e-5


def chance_of_anybody(users: int, percent: float) -> float:
    """The chance that a canary of `percent` holds one of `users` or more.

    Example:
        >>> round(chance_of_anybody(50, 1), 3)
        0.395
    """
    return 1 - (1 - percent / 100) ** users


def parts_held(users: int, percent: float) -> list[tuple[float, float]]:
    """The part of all `users` that a canary may hold, each with its chance.

    Not every number is listed, where there are many of them. Under a bell, numbers one standard
    deviation apart stand for all of them; in a large canary, three do, which have its first five
    moments. What changes smoothly with the number moves by less than 0.1 points.
    """
    part = percent / 100
    mean, deviation = users * part, math.sqrt(users * part * (1 - part))
    if mean > _MANY:
        aside = math.sqrt(3) * deviation
        numbers = [(1 / 6, mean - aside), (2 / 3, mean), (1 / 6, mean + aside)]
    else:
        apart = max(1, int(deviation))
        some = list(Counts.binomial(users, part))[::apart]
        likely = [(chance, number) for number, chance in some if chance * apart > _RARE]
        total = sum(chance for chance, _ in likely)
        numbers = [(chance / total, number) for chance, number in likely]
    return [(chance, number / users) for chance, number in numbers]
