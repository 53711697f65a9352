"""The metrics of `ledger.metrics()`: what they mean, and Prometheus' text of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent_events.models import Sample

PREFIX = "agent_events_"


@dataclass(frozen=True)
class Family:
    """A metric's help and labels; it is a counter when its name ends in _total, else a gauge."""

    help: str
    labels: tuple[str, ...] = ()


FAMILIES = {
    "up": Family("1 when the database answered."),
    "scrape_duration_seconds": Family("How long the database took to answer."),
    "events_total": Family(
        "Sealed events; tenants beyond the largest under an empty name.", ("tenant_id",)
    ),
    "events_by_type_total": Family(
        "Counted events by type; types that are not registered under an empty name.",
        ("event_type",),
    ),
    "events_by_outcome_total": Family(
        "Counted events by outcome; empty: without one.", ("outcome",)
    ),
    "payload_bytes_total": Family("Size of the payloads of counted events, as stored."),
    "uncounted_events": Family("Sealed events that are not in the counts yet."),
    "count_skipped_events": Family(
        "Events that were in cold files before they were counted, and never are."
    ),
    "unsealed_events": Family("Committed events without a position; 10000 = that many or more."),
    "seal_lag_seconds": Family("Age of the oldest event that is not sealed; 0 when all are."),
    "outbox_lag_messages": Family("Positions of the log that a relay has before it.", ("relay",)),
    "outbox_lag_seconds": Family(
        "Age of the oldest event that a relay has not delivered.", ("relay",)
    ),
    "outbox_parked_messages": Family("Messages that wait to be tried again.", ("relay",)),
    "outbox_dead_messages": Family("Messages that a relay gave up.", ("relay",)),
    "outbox_bytes": Family("Size of the outbox on disk, with indexes."),
    "inbox_failures": Family(
        "Events that a consumer failed to process: waiting, or dead.", ("consumer", "state")
    ),
    "partitions": Family("Partitions of events by tier.", ("tier",)),
    "partition_bytes": Family("Size of the partitions on disk, with indexes.", ("tier",)),
    "partition_rows": Family(
        "Events in the partitions; of hot ones the planner's estimate.", ("tier",)
    ),
    "partitions_ahead_seconds": Family(
        "Time from now to the end of the last partition.", ("table",)
    ),
    "snapshots": Family("Snapshots of aggregates."),
    "snapshot_bytes": Family("Size of their states."),
    "snapshot_replay_seconds": Family("How long the replays behind them took, on average."),
    "maintenance_failing_steps": Family("Steps of maintenance that failed the last time."),
    "maintenance_last_success_timestamp_seconds": Family(
        "When maintenance last ran; 0 when not in the last 31 days."
    ),
    "capture_lag_seconds": Family(
        "Age of the oldest change of a deferred table that is no event yet; 0 when none waits."
    ),
    "doctor_findings": Family("What ledger.doctor() found last.", ("severity", "kind")),
    "doctor_last_run_timestamp_seconds": Family("When it was asked."),
    "last_checkpoint_timestamp_seconds": Family(
        "When the last checkpoint on record was signed.", ("tenant_id",)
    ),
    "last_verification_timestamp_seconds": Family(
        "When the last verification on record ended.", ("tenant_id",)
    ),
    "last_verification_failed": Family(
        "1 when the last verification on record made findings.", ("tenant_id",)
    ),
}


def text(samples: Iterable[Sample]) -> bytes:
    """Return samples in Prometheus' text format; a sample of an unknown name is left out."""
    registry = CollectorRegistry()
    registry.register(_Samples(samples))
    return generate_latest(registry)


class _Samples(Collector):
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples: dict[str, list[Sample]] = {}
        for sample in samples:
            self._samples.setdefault(sample.name, []).append(sample)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry holds nothing else."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family, also those without a sample."""
        for name, family in FAMILIES.items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            metric = kind(PREFIX + name, family.help, labels=family.labels)
            for sample in self._samples.get(name, ()):
                metric.add_metric([sample.labels[label] for label in family.labels], sample.value)
            yield metric
