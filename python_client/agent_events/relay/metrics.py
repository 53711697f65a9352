"""What Prometheus is told: plain numbers, added up many at a time, made into text at a scrape."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from agent_events.relay.outbox import Lag

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency's buckets, in seconds."""


class Metrics(Collector):
    """Counts of one relay process.

    published     messages that the destination acknowledged, and retried: those among them that
                  had been parked
    refused       messages that the destination did not take, and dead: those given up
    lease_losses  leases that another worker took over
    reconnects    connections made again, to the database and to the destination
    """

    def __init__(self, relay: str, in_flight: Callable[[], int]) -> None:
        self.published = 0
        self.retried = 0
        self.refused = 0
        self.dead = 0
        self.lease_losses = 0
        self.reconnects = {"database": 0, "destination": 0}
        self.lag: Lag | None = None
        self.is_ready = False
        self._relay = relay
        self._in_flight = in_flight
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def add_latencies(self, seconds: Sequence[float]) -> None:
        """Count how long messages took from sending to acknowledgement."""
        for value, count in Counter(seconds).items():  # those of a batch took equally long
            self._buckets[bisect_left(BUCKETS, value)] += count
        self._seconds += sum(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is depends on what is known."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield everything, as prometheus_client wants it."""
        counters = (
            ("published", "Messages that the destination acknowledged.", self.published),
            ("retried", "Messages among the published that had been parked.", self.retried),
            ("refused", "Attempts that the destination refused.", self.refused),
            ("dead", "Messages that were given up.", self.dead),
            ("lease_losses", "Leases that another worker took over.", self.lease_losses),
        )
        for name, help_text, value in counters:
            counter = CounterMetricFamily(_name(name), help_text, labels=["relay"])
            counter.add_metric([self._relay], value)
            yield counter
        reconnects = CounterMetricFamily(
            _name("reconnects"), "Connections that were made again.", labels=["relay", "to"]
        )
        for to, count in self.reconnects.items():
            reconnects.add_metric([self._relay, to], count)
        yield reconnects
        yield self._gauge("in_flight", "Messages sent and not settled.", self._in_flight())
        yield self._gauge("ready", "1 while connected to both sides.", int(self.is_ready))
        if self.lag is not None:
            yield self._gauge("lag_messages", "Positions of the log behind.", self.lag.messages)
            yield self._gauge(
                "lag_seconds", "Age of the oldest event not delivered.", self.lag.seconds
            )
            yield self._gauge("parked_messages", "Messages that wait.", self.lag.parked)
            yield self._gauge("dead_messages", "Messages given up, not discarded.", self.lag.dead)
        latency = HistogramMetricFamily(
            _name("publish_seconds"), "From sending to acknowledgement.", labels=["relay"]
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        counts = accumulate(self._buckets)
        latency.add_metric([self._relay], list(zip(bounds, counts, strict=True)), self._seconds)
        yield latency

    def _gauge(self, name: str, help_text: str, value: float) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(_name(name), help_text, labels=["relay"])
        gauge.add_metric([self._relay], value)
        return gauge


def _name(name: str) -> str:
    return f"agent_events_relay_{name}"
