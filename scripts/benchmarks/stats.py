"""Interleaved measurements and the ratios between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Rate:
    """Transactions (of a batch: events) per second, and per second of the server's CPU time."""

    per_second: float
    per_cpu_second: float | None


Measurement = Callable[[], Rate]
Rates = dict[str, list[Rate]]


@dataclass(frozen=True)
class Ratio:
    """How one thing compares with another, both measured once in every round.

    `value` by the clock, between the quartiles `low` and `high` of the rounds; `cpu` the same by
    the server's CPU time. `goal` is what the value should be at least, or at most if `is_cost`.
    """

    what: str
    against: str
    clients: int
    commit: str
    value: float
    low: float
    high: float
    cpu: float | None
    rate: float
    base_rate: float
    goal: float | None = None
    is_cost: bool = False

    @property
    def is_reached(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.is_cost else self.value >= self.goal

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "is_reached": self.is_reached}


def interleave(measurements: Mapping[str, Measurement], rounds: int) -> Rates:
    """Measure A B C, A B C, …, so that a slow minute of the machine hits all alike.

    The first round warms caches and plans up and does not count.
    """
    rates: Rates = {name: [] for name in measurements}
    for number in range(rounds + 1):
        for name, measurement in measurements.items():
            rate = measurement()
            if number:
                rates[name].append(rate)
    return rates


def ratio(
    rates: Rates,
    what: str,
    against: str,
    *,
    clients: int,
    commit: str,
    goal: float | None = None,
    is_cost: bool = False,
) -> Ratio:
    """The median of the rounds' ratios; with `is_cost`, the share of time that `what` adds."""
    pairs = list(zip(rates[what], rates[against], strict=True))
    values = [rate.per_second / base.per_second for rate, base in pairs]
    cpu = [
        rate.per_cpu_second / base.per_cpu_second
        for rate, base in pairs
        if rate.per_cpu_second and base.per_cpu_second
    ]
    if is_cost:
        values, cpu = ([1 - value for value in each] for each in (values, cpu))
    low, _, high = quantiles(values, n=4) if len(values) > 1 else values * 3
    return Ratio(
        what=what,
        against=against,
        clients=clients,
        commit=commit,
        value=median(values),
        low=low,
        high=high,
        cpu=median(cpu) if cpu else None,
        rate=median(rate.per_second for rate in rates[what]),
        base_rate=median(rate.per_second for rate in rates[against]),
        goal=goal,
        is_cost=is_cost,
    )


def ratio_table(results: list[Ratio]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("measured", "against (= 1.00)"):
        table.add_column(name, no_wrap=True)
    for name in ("clients", "commit", "ratio", "quartiles", "cpu", "goal"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        style = {None: "", True: "green", False: "red"}[result.is_reached]
        sign = "≤" if result.is_cost else "≥"
        table.add_row(
            f"cost of {result.what}" if result.is_cost else result.what,
            result.against,
            str(result.clients),
            result.commit,
            f"[bold {style}]{result.value:.2f}[/]",
            f"{result.low:.2f} {result.high:.2f}",
            "" if result.cpu is None else f"{result.cpu:.2f}",
            "" if result.goal is None else f"{sign} {result.goal:.2f}",
        )
    return table
