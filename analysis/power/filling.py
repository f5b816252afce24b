"""How likely a period that fills from nothing is ever over the threshold of a share."""

import math
from collections import defaultdict
from collections.abc import Sequence

from analysis.power.counts import Counts
from analysis.power.share import Flow, Share, over_threshold

_SPARSE = 1 / 3
"""Requests a minute up to which two in one minute are rare."""

FULL = 1_000
"""Requests a minute over which a share is hardly a matter of chance any more."""

_LOOKS = 60


def ever_while_filling(share: Share, minutes: Sequence[Flow]) -> float:
    """The chance that a period, empty at first, is over the threshold after one of its `minutes`.

    Nothing leaves the period meanwhile. Up to one request in three minutes, it is looked at after
    each request instead. With more of them, good ones are counted in packets, and a period of over
    an hour is looked at 60 times. At a threshold of 2 % the first two move the chance by less than
    0.1 points, at 20 % by less than 0.6; the last is a floor. So is, with over 1,000 requests a
    minute, to look after the first of them and at the end only.

    Example:
        >>> share = Share(threshold_percent=2, minimum_requests=2, minimum_failures=2)
        >>> round(ever_while_filling(share, [Flow(good=0, bad=1)]), 3)  # 1 - 2 / e
        0.264
    """
    if all(sum(flow) <= _SPARSE for flow in minutes):
        return _by_request(share, _sum(minutes))
    if any(sum(flow) > FULL for flow in minutes):
        return max(over_threshold(share, flow) for flow in (minutes[0], _sum(minutes)))
    each = math.ceil(len(minutes) / _LOOKS)
    starts = range(0, len(minutes), each)
    return _by_look(share, [_sum(minutes[start : start + each]) for start in starts])


def _sum(flows: Sequence[Flow]) -> Flow:
    return Flow(sum(flow.good for flow in flows), sum(flow.bad for flow in flows))


def _by_request(share: Share, flow: Flow) -> float:
    """A chain over the bad ones of the requests so far, and over how many requests come."""
    requests = Counts.poisson(sum(flow))
    chances = dict(requests)
    bad = flow.bad / sum(flow) if any(flow) else 0.0
    never = [1.0]
    over = found = 0.0
    for so_far in range(1, requests.stop):
        never = [
            none * (1 - bad) + one * bad
            for none, one in zip([*never, 0.0], [0.0, *never], strict=True)
        ]
        allowed = share.most_bad(so_far) + 1
        found += sum(never[allowed:])
        never = never[:allowed]
        over += chances.get(so_far, 0.0) * found
    return over


def _by_look(share: Share, looks: Sequence[Flow]) -> float:
    """A chain over the good and the bad requests so far.

    Where more than one good request comes from look to look, they are counted in packets on top of
    an even flow, with the mean and the variance of one by one: a share hangs on the bad ones.
    """
    packet = max(1.0, math.sqrt(min(good for good, _ in looks)))
    never = {0: Counts(0, [1.0])}
    over = evenly = 0.0
    for good, bad in looks:
        evenly += good * (1 - 1 / packet)
        packets, newly_bad = Counts.poisson(good / packet**2), Counts.poisson(bad)
        moved = defaultdict(list)
        for so_far, row in never.items():
            filled = row.plus(packets)
            for more, chance in newly_bad:
                moved[so_far + more].append((chance, filled))
        never = {}
        for so_far, parts in moved.items():
            beside = share.good_beside(so_far)
            edges = ((edge - 0.5 - evenly) / packet for edge in (beside.start, beside.stop))
            found, left = Counts.mixture(parts).split(*edges)
            over += found
            never[so_far] = left.trimmed()
        never = {so_far: row for so_far, row in never.items() if row.chances}
    return over
