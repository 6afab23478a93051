"""Numbers as people read them. An absent value is a dash."""

ABSENT = "–"


def count(value: float | None) -> str:
    """`1,234` below ten thousand, then `12.3 k`, `4.56 M`, `7.89 B`."""
    if value is None:
        return ABSENT
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.3g} {unit}"
    return f"{value:,.0f}"


def size(value: float | None) -> str:
    """Bytes in decimal units: `512 B`, `1.5 kB`, `2.39 MB`, `6.7 GB`, `1.2 TB`."""
    if value is None:
        return ABSENT
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def seconds(value: float | None) -> str:
    """`0.42 s`, `12.3 s`, `4 m 05 s`, `2 h 07 m`."""
    if value is None:
        return ABSENT
    if value < 60:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} m {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} m"


def duration(value: float | None) -> str:
    """A time to wait: whole seconds below a minute, then as `seconds`."""
    return f"{value:.0f} s" if value is not None and value < 59.5 else seconds(value)


def percent(value: float | None) -> str:
    return ABSENT if value is None else f"{100 * value:.3g} %"


def decimal(value: float | None, digits: int = 4) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    return ABSENT if value is None else f"{value:+.{digits}f}"
