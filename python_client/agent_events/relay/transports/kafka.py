"""Kafka, by librdkafka's idempotent producer.

Why order holds, so that several messages of an aggregate may be under way at once: an aggregate is
the key, hence one partition. There the idempotent producer's sequence numbers keep the broker from
taking a batch before the one that precedes it, and enable.gapless.guarantee makes it stop for good
when a batch fails for good. Messages never time out in the producer (message.timeout.ms = 0), for
that would leave a gap; instead Silence is watched for. After a failure all that is under way is
purged, settled with Unavailable, and sent again, in order, by a new producer.

There is no thread here: delivery reports are collected in the event loop, many at a time. A thread
that polls has to take the interpreter's lock from a busy loop for every report. And no object is
made for each message: reports are counted, and what the producer was given at once is settled at
once, when all of it is acknowledged. Only after a failure it is found out which messages were.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Report

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport
from agent_events.relay.transports._flight import Silence
from agent_events.relay.transports._options import seconds

OURS = {
    "acks": "all",
    "enable.idempotence": True,
    "enable.gapless.guarantee": True,
    "message.timeout.ms": 0,
}
DEFAULTS = {
    "client.id": "agent-events-relay",
    "linger.ms": 5,
    "partitioner": "murmur2_random",  # the Java client's: the same partition whoever writes
}
ALIASES = {"request.required.acks", "delivery.timeout.ms"}
# Of one message, but told of its whole batch.
OF_A_BATCH = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_MSG,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_TIMESTAMP,
}
OF_A_TOPIC = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
# Of messages that came behind the one for which the producer ended.
CAME_BEHIND = {
    KafkaError._FATAL,
    KafkaError._GAPLESS_GUARANTEE,
    KafkaError._PURGE_QUEUE,
    KafkaError._PURGE_INFLIGHT,
}


POLL_EVERY = 0.002  # seconds
REPORT_WITHIN = 0.2  # seconds; the event loop stands meanwhile, but so does the producer
ANSWER_WITHIN = 10.0  # seconds, or the time limit if that is shorter
TOPIC_TRIES = 5
TOPIC_PAUSE = 0.3  # seconds
ALONE_FOR = 60.0  # seconds

# What librdkafka says, many times a second while a broker is away, is for those who debug it; what
# matters is in the reasons given.
log = logging.getLogger(__name__)
log.addFilter(lambda _: log.isEnabledFor(logging.DEBUG))


class KafkaTransport(Transport):
    """kafka://[user:password@]host:port[,host:port…][/?librdkafka.setting=value&…].

    Args:
        url: bootstrap servers; user and password are for SASL. Parameters are librdkafka's
            settings, but for those that keep order and acknowledgements.
        config: a file of such settings, a line `name=value` each: the place for secrets.
        timeout: seconds without any progress after which the cluster counts as lost.
    """

    header_prefix = "ce_"
    default_topic = "ledger.{tenant_id}"
    at_once = 100  # they are settled together; and in between the next claim is read
    keeps_order = True

    def __init__(self, url: str, *, config: str | None = None, timeout: str = "30") -> None:
        super().__init__(url)
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        if not hosts:
            raise ValueError(f"{self.destination}: names no server")
        settings: dict[str, Any] = {"bootstrap.servers": hosts}
        if login:
            user, _, password = login.partition(":")
            settings |= {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "PLAIN",
                "sasl.username": unquote(user),
                "sasl.password": unquote(password),
            }
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        if config:
            given = _read_settings(config) | given
        if forbidden := sorted(given.keys() & (OURS.keys() | ALIASES | {"bootstrap.servers"})):
            raise ValueError(f"{forbidden[0]} is the relay's own setting")
        self._settings = DEFAULTS | settings | given | OURS
        self._producer: Producer | None = None
        self._topics: set[str] = set()
        self._lines: dict[Settled, _Line] = {}
        self._numbers = count()
        self._failed: list[KafkaError] = []
        self._is_alone = False  # one by one, because a batch was refused for one of its messages
        self._alone_since = 0.0
        self._last_error = ""
        self._timer: asyncio.TimerHandle | None = None
        self._silence = Silence(seconds("timeout", timeout), self._oldest, self._give_up)
        self._answer_within = min(ANSWER_WITHIN, self._silence.timeout)
        _destroy(self._make_producer())  # refuses settings that there are not

    def _make_producer(self) -> Producer:
        alone = {"batch.num.messages": 1} if self._is_alone else {}
        settings = self._settings | alone | {"error_cb": self._on_error}
        try:
            return Producer(settings, logger=log)
        except KafkaException as error:
            raise ValueError(f"{self.destination}: {_reason(error.args[0])}") from None

    async def open(self) -> None:
        """Make a producer, and see whether the cluster answers."""
        producer = self._make_producer()
        try:
            await asyncio.to_thread(producer.list_topics, timeout=self._answer_within)
        except KafkaException as error:
            _collect(producer)  # tells _on_error why
            _destroy(producer)
            reason = self._last_error or _reason(error.args[0])
            raise Unavailable(f"{self.destination}: {reason}") from None
        self._producer = producer

    async def send(self, batch: Sequence[Outgoing], settled: Settled) -> None:
        """Hand messages to the producer; what became of them is collected by _poll."""
        for topic in {outgoing.topic for outgoing in batch} - self._topics:
            await self._find_topic(topic)
        if self._producer is None:
            settled(batch, Unavailable(f"{self.destination}: not connected"))
            return
        line = self._lines.setdefault(settled, _Line(settled))
        line.waiting.extend(batch)
        self._go_on(line)
        if self._timer is None and self._producer is not None:
            self._poll()

    async def _find_topic(self, topic: str) -> None:
        """Ask for a topic once; nothing is sent to one that is not there.

        A cluster that makes topics when they are asked for needs a moment for it.
        """
        for _ in range(TOPIC_TRIES):
            if (producer := self._producer) is None:
                return
            try:
                found = await asyncio.to_thread(
                    producer.list_topics, topic, timeout=self._answer_within
                )
            except KafkaException as error:
                self._lose(self._last_error or _reason(error.args[0]))
                return
            if found.topics[topic].error is None:
                self._topics.add(topic)
                return
            await asyncio.sleep(TOPIC_PAUSE)

    def _go_on(self, line: _Line) -> None:
        """Hand over what waits, as far as it may go."""
        if (producer := self._together_again()) is None:
            return
        waiting, line.waiting = line.waiting, []
        topics = {outgoing.topic for outgoing in waiting}
        topics_under_way = {batch.topic for batch in line.under_way}
        is_simple = len(topics) == 1 and topics_under_way <= topics <= self._topics
        if is_simple and not self._is_alone:
            batch = self._begin_batch(line, topics.pop())
            with suppress(BufferError, KafkaException):
                batch.produce(producer, waiting)
            waiting = waiting[len(batch.sent) :]
        if waiting:
            self._go_on_one_by_one(line, producer, waiting)
        line.drop_empty()

    def _together_again(self) -> Producer | None:
        """Return the producer to use, which takes batches again some time after one was refused.

        None: that is another one, and has to wait for what is under way, to keep order.
        """
        if self._is_alone and time.monotonic() - self._alone_since >= ALONE_FOR:
            if any(line.under_way for line in self._lines.values()):
                return None
            self._is_alone = False
            if (before := self._producer) is not None:
                self._producer = self._make_producer()
                _destroy(before)
        return self._producer

    def _go_on_one_by_one(
        self, line: _Line, producer: Producer, waiting: Sequence[Outgoing]
    ) -> None:
        """There are several topics, or one is missing, or the producer did not take something.

        While something of an aggregate is under way to one topic, nothing of it goes to another,
        and nothing is refused: the first might be refused, and the later taken.
        """
        topic_of = {each.key: batch.topic for batch in line.under_way for each in batch.sent}
        batches: dict[str, _Batch] = {}
        refused: dict[str, Refused] = {}
        held: set[str] = set()
        for number, outgoing in enumerate(waiting):
            topic, key = outgoing.topic, outgoing.key
            if key in refused:
                line.settled([outgoing], refused[key])
                continue
            if key in held or topic_of.get(key, topic) != topic:
                held.add(key)
                line.waiting.append(outgoing)
                continue
            if topic not in self._topics:
                refused[key] = Refused(f"there is no topic {topic}")
                line.settled([outgoing], refused[key])
                continue
            if topic not in batches or self._is_alone:
                batches[topic] = self._begin_batch(line, topic)
            try:
                batches[topic].produce(producer, [outgoing])
                topic_of[key] = topic
            except BufferError:
                line.waiting += waiting[number:]
                return
            except KafkaException as error:
                reason = f"{_reason(error.args[0])} ({len(outgoing.body)} bytes)"
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    line.waiting += waiting[number:]
                    self._end(producer, reason)
                    return
                if key in topic_of:
                    held.add(key)
                    line.waiting.append(outgoing)
                else:
                    refused[key] = Refused(reason, is_permanent=True)
                    line.settled([outgoing], refused[key])

    def _begin_batch(self, line: _Line, topic: str) -> _Batch:
        batch = _Batch(next(self._numbers), topic, self._failed)
        line.under_way.append(batch)
        self._silence.watch()
        return batch

    def _poll(self) -> None:
        """Collect delivery reports, for as long as something is under way."""
        self._timer = None
        if (producer := self._producer) is None:
            return
        fatal = _collect(producer)
        if fatal or self._failed:
            self._end(producer, fatal or "")
            return
        for line in list(self._lines.values()):
            line.settle_acknowledged()
            if line.waiting:
                self._go_on(line)
                if self._producer is None:
                    return
            if not (line.waiting or line.under_way):
                del self._lines[line.settled]
        if self._lines:
            self._timer = asyncio.get_running_loop().call_later(POLL_EVERY, self._poll)

    def _end(self, producer: Producer, reason: str) -> None:
        """The producer has stopped for good: find out for which messages, and give it up."""
        until = time.monotonic() + REPORT_WITHIN
        while not self._knows_why() and time.monotonic() < until:
            _collect(producer, 0.01)
        was_alone = self._is_alone
        if self._failed:
            reason = _reason(self._failed[0])
            of_a_batch = any(error.code() in OF_A_BATCH for error in self._failed)
            self._is_alone = of_a_batch and not was_alone
            self._alone_since = time.monotonic()
        self._lose(reason, was_alone=was_alone)

    def _knows_why(self) -> bool:
        return any(error.code() not in CAME_BEHIND for error in self._failed)

    def _on_error(self, error: KafkaError) -> None:
        """Connections lost, logins refused: the producer goes on trying."""
        self._last_error = _reason(error)

    def _oldest(self) -> tuple[int, int] | None:
        """How far what is under way for longest has come."""
        batches = [line.under_way[0] for line in self._lines.values() if line.under_way]
        return min(((batch.number, len(batch.acknowledged)) for batch in batches), default=None)

    def _give_up(self) -> None:
        silence = f"no progress in {self._silence.timeout:g} s"
        self._lose(f"{silence}: {self._last_error}" if self._last_error else silence)

    def _lose(self, reason: str, *, was_alone: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._silence.stop()
        producer, self._producer = self._producer, None
        lines, self._lines = self._lines, {}
        self._failed = []  # what is still reported belongs to nobody
        self._topics.clear()
        lost = Unavailable(f"{self.destination}: {reason}")
        for line in lines.values():
            for outgoing, is_acknowledged, error in line.outcomes():
                failure: Refused | Unavailable | None = lost
                if is_acknowledged:
                    failure = None
                elif error is not None and error.code() in OF_A_TOPIC:
                    failure = Refused(_reason(error))
                elif error is not None and error.code() in OF_A_BATCH and was_alone:
                    failure = Refused(_reason(error), is_permanent=True)
                line.settled([outgoing], failure)
            if line.waiting:
                line.settled(line.waiting, lost)
        if producer is not None:
            _destroy(producer)
        self._last_error = ""

    async def close(self) -> None:
        """Give up the producer; what is under way is settled with Unavailable."""
        self._lose("closed")


class _Batch:
    """What the producer was given at once, for one topic, in order.

    number        of the batch
    sent          the messages
    acknowledged  the keys of those that are
    errors        keys of those that were not taken, with the reason
    failed        the errors of all batches of a producer
    """

    __slots__ = ("acknowledged", "errors", "failed", "number", "sent", "topic")

    def __init__(self, number: int, topic: str, failed: list[KafkaError]) -> None:
        self.number = number
        self.topic = topic
        self.failed = failed
        self.sent: list[Outgoing] = []
        self.acknowledged: list[bytes | None] = []
        self.errors: dict[bytes | None, KafkaError] = {}

    def produce(self, producer: Producer, outgoings: Sequence[Outgoing]) -> None:
        """Give messages to the producer, up to the first that it does not take.

        Raises:
            BufferError: its queue is full.
            KafkaException: the message is too large, or the producer has stopped for good.
        """
        produce, report, sent = producer.produce, self._report, self.sent
        for outgoing in outgoings:
            _, topic, key, headers, body, content_type = outgoing
            headers["content-type"] = content_type
            produce(topic, body, key, -1, report, None, 0, headers)  # type: ignore[arg-type]
            sent.append(outgoing)

    def _report(self, error: KafkaError | None, report: Report) -> None:
        """Is called within poll()."""
        if error is None:
            self.acknowledged.append(report.key())
        else:
            self.errors.setdefault(report.key(), error)
            self.failed.append(error)

    @property
    def is_acknowledged(self) -> bool:
        """All of it is: each message is reported once."""
        return len(self.acknowledged) == len(self.sent)

    def outcomes(self) -> Iterator[tuple[Outgoing, bool, KafkaError | None]]:
        """Each message with whether it is acknowledged, and why not.

        Where only some of a key are, it is not known which: none counts, so all are sent again.
        """
        sent = Counter(outgoing.key.encode() for outgoing in self.sent)
        acknowledged = Counter(self.acknowledged)
        for outgoing in self.sent:
            key = outgoing.key.encode()
            error = None if acknowledged[key] else self.errors.get(key)
            yield outgoing, acknowledged[key] == sent[key], error


class _Line:
    """The messages of a lease: batches that are under way, and what waits for its turn."""

    __slots__ = ("settled", "under_way", "waiting")

    def __init__(self, settled: Settled) -> None:
        self.settled = settled
        self.under_way: deque[_Batch] = deque()
        self.waiting: list[Outgoing] = []

    def settle_acknowledged(self) -> None:
        """Settle batches in order, so that the messages of an aggregate are, too."""
        while self.under_way and self.under_way[0].is_acknowledged:
            self.settled(self.under_way.popleft().sent, None)

    def drop_empty(self) -> None:
        """Forget the batches just begun of which the producer took nothing: its queue is full."""
        while self.under_way and not self.under_way[-1].sent:
            self.under_way.pop()

    def outcomes(self) -> Iterator[tuple[Outgoing, bool, KafkaError | None]]:
        """Each message under way, in order, with what became of it: see there."""
        return chain.from_iterable(batch.outcomes() for batch in self.under_way)


def _collect(producer: Producer, seconds: float = 0) -> str | None:
    """Have reports and errors called back, and return the error that ended the producer."""
    try:
        producer.poll(seconds)
    except KafkaException as error:
        return _reason(error.args[0])
    return None


def _destroy(producer: Producer) -> None:
    """Forget what it holds, and let go: otherwise the last reference would wait for it."""
    with suppress(KafkaException):
        producer.purge()
    _collect(producer)


def _read_settings(path: str) -> dict[str, str]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise ValueError(f"option config={path}: {error.strerror}") from None
    pairs = [line.partition("=") for line in map(str.strip, lines) if line and line[0] not in "#!"]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _reason(error: KafkaError) -> str:
    return str(error.str())
