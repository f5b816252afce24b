"""Numbers of a rehearsal as people say them."""


def percent(share: float) -> str:
    """A share from 0 to 1; nearly all is not all, and hardly any is not none."""
    if share in (0, 1):
        return f"{100 * share:g} %"
    digits = 2 if min(share, 1 - share) < 0.01 else 1
    return f"{100 * min(max(share, 0.0001), 0.9999):.{digits}f} %"


def minutes(value: float | None) -> str:
    """A time in minutes; None is never."""
    if value is None:
        return "never"
    return f"{round(value / 60, 1):g} h" if value >= 120 else f"{round(value, 1):g} min"


def count(value: float) -> str:
    """A number of requests or users."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
