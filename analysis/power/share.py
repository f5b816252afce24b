"""When a period is over the threshold of a share, and how likely that is.

Requests come by chance, so many on average (Poisson), and each is bad by chance. So the good and
the bad ones are two counts that do not depend on each other.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

from analysis.power.counts import Counts


class Flow(NamedTuple):
    """Good and bad requests to expect, in a minute or in a period."""

    good: float
    bad: float

    @classmethod
    def of(cls, requests: float, failing_percent: float) -> Self:
        """`requests`, of which `failing_percent` are bad."""
        return cls(requests * (100 - failing_percent) / 100, requests * failing_percent / 100)


@dataclass(frozen=True, slots=True)
class Share:
    """Over the threshold is a period with enough requests, enough bad ones, and too many for all.

    Example:
        >>> share = Share(threshold_percent=2, minimum_requests=10, minimum_failures=2)
        >>> share.most_bad(150), share.good_beside(2)
        (3, range(8, 98))
    """

    threshold_percent: float
    minimum_requests: int
    minimum_failures: int

    def most_bad(self, requests: int) -> int:
        """How many of `requests` may be bad without being over the threshold."""
        if requests < self.minimum_requests:
            return requests
        return max(self.minimum_failures - 1, int(requests * self.threshold_percent / 100))

    def good_beside(self, bad: int) -> range:
        """How many good requests leave a period with `bad` ones over the threshold."""
        if bad < self.minimum_failures:
            return range(0)
        enough = max(0, self.minimum_requests - bad)
        return range(enough, max(enough, math.ceil(100 * bad / self.threshold_percent) - bad))


def over_threshold(share: Share, flow: Flow) -> float:
    """The chance that a period with `flow` is over the threshold."""
    goods = Counts.poisson(flow.good)
    bads = Counts.poisson(flow.bad)
    return sum(chance * goods.within(share.good_beside(bad)) for bad, chance in bads)


def turns_over(share: Share, minutes: int, flow: Flow) -> float:
    """The chance that a sliding period of `minutes` is over the threshold, if it was not before.

    `flow` is that of a minute: one comes, one goes, and what is between stays.
    """
    goods, bads = map(Counts.poisson, flow)
    kept_goods, kept_bads = (Counts.poisson(mean * (minutes - 1)) for mean in flow)
    turned = calm = 0.0
    for bad, likely in kept_bads:
        beside = [(chance, share.good_beside(bad + more)) for more, chance in bads]
        for good, chance in kept_goods:
            over = sum(
                each * goods.within(range(enough.start - good, enough.stop - good))
                for each, enough in beside
            )
            turned += likely * chance * over * (1 - over)
            calm += likely * chance * (1 - over)
    return turned / calm if calm else 1.0
