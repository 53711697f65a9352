"""Kafka, by librdkafka's idempotent producer.

Why order holds, so that several messages of an aggregate may be under way at once: an aggregate is
the key, hence one partition. There the idempotent producer's sequence numbers keep the broker from
taking a batch before the one that precedes it, and enable.gapless.guarantee makes it stop for good
when a batch fails for good. Messages never time out in the producer (message.timeout.ms = 0), for
that would leave a gap; instead Flight watches for silence. After a failure all that is under way is
purged, settled with Unavailable, and sent again, in order, by a new producer.

There is no thread here: delivery reports are collected in the event loop, many at a time. A thread
that polls has to take the interpreter's lock from a busy loop for every report.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Report

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled, Transport
from agent_events.relay.transports._flight import Flight
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
        self._number = 0
        self._alone = 0  # how many go one by one, because a batch was refused for one of them
        self._lanes: dict[str, _Lane] = {}
        self._refused: dict[str, Refused] = {}
        self._last_error = ""
        self._timer: asyncio.TimerHandle | None = None
        self._failed: list[tuple[int, KafkaError]] = []
        self._flight: Flight[int] = Flight(seconds("timeout", timeout), self._give_up)
        self._answer_within = min(ANSWER_WITHIN, self._flight.timeout)
        _destroy(self._make_producer())  # refuses settings that there are not

    def _make_producer(self) -> Producer:
        alone = {"batch.num.messages": 1} if self._alone else {}
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
        self._refused.clear()
        for topic in {outgoing.topic for outgoing in batch} - self._topics:
            await self._find_topic(topic)
        for outgoing in batch:
            key = outgoing.key
            if self._refused and (failure := self._refused.get(key)):
                settled(outgoing, failure)
                continue
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane(outgoing.topic)
            if lane.waiting or lane.topic != outgoing.topic:
                lane.waiting.append((outgoing, settled))
                continue
            while not self._produce(lane, outgoing, settled):
                self._begin_to_poll()
                await asyncio.sleep(POLL_EVERY)
                lane = self._lanes.setdefault(key, lane)
        self._begin_to_poll()

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

    def _produce(self, lane: _Lane, outgoing: Outgoing, settled: Settled) -> bool:
        """Hand a message to the producer, or settle it; False: not now.

        The producer's queue is full, or it is too large and the one before it is under way.
        """
        _, topic, key, headers, body, content_type = outgoing
        if (producer := self._producer) is None:
            self._lanes.pop(key, None)
            settled(outgoing, Unavailable(f"{self.destination}: not connected"))
            return True
        if topic not in self._topics:
            self._refuse(lane, outgoing, settled, Refused(f"there is no topic {topic}"))
            return True
        self._number = number = self._number + 1
        try:
            producer.produce(
                topic,
                body,
                key,
                on_delivery=partial(self._report, number, key),
                headers={"content-type": content_type, **headers},
            )
        except BufferError:
            return False
        except KafkaException as error:
            reason = f"{_reason(error.args[0])} ({len(body)} bytes)"
            if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                settled(outgoing, Unavailable(f"{self.destination}: {reason}"))
                self._end(producer, reason)
            elif lane.count:
                return False
            else:
                self._refuse(lane, outgoing, settled, Refused(reason, is_permanent=True))
            return True
        lane.count += 1
        self._flight.add(number, outgoing, settled)
        return True

    def _refuse(self, lane: _Lane, outgoing: Outgoing, settled: Settled, failure: Refused) -> None:
        """Refuse a message, and what waits of its aggregate."""
        self._refused[outgoing.key] = failure
        self._lanes.pop(outgoing.key, None)
        waiting, lane.waiting = lane.waiting, []
        for each, its_settled in [(outgoing, settled), *waiting]:
            its_settled(each, failure)

    def _begin_to_poll(self) -> None:
        if self._timer is None and self._flight:
            self._poll()

    def _poll(self) -> None:
        """Collect delivery reports, for as long as something is under way."""
        self._timer = None
        if (producer := self._producer) is None:
            return
        fatal = _collect(producer)
        if fatal or self._failed:
            self._end(producer, fatal or "")
        elif self._flight:
            self._timer = asyncio.get_running_loop().call_later(POLL_EVERY, self._poll)

    def _end(self, producer: Producer, reason: str) -> None:
        """The producer has stopped for good: find out for which messages, and give it up."""
        until = time.monotonic() + REPORT_WITHIN
        while not self._knows_why() and time.monotonic() < until:
            _collect(producer, 0.01)
        if self._failed:
            self._fail()
        else:
            self._lose(reason)

    def _knows_why(self) -> bool:
        return any(error.code() not in CAME_BEHIND for _, error in self._failed)

    def _report(self, number: int, key: str, error: KafkaError | None, _: Report) -> None:
        """Is called within poll()."""
        if error is not None:
            self._failed.append((number, error))
            return
        if number not in self._flight:  # of a producer that was given up
            return
        self._flight.settle(number)
        if self._alone:
            self._alone -= 1
        lane = self._lanes[key]
        lane.count -= 1
        if not lane.count:
            self._go_on(lane, key)

    def _go_on(self, lane: _Lane, key: str) -> None:
        """Nothing of the aggregate is under way: what waits, for another topic, may go."""
        while lane.waiting:
            outgoing, settled = lane.waiting[0]
            if lane.count and outgoing.topic != lane.topic:
                return
            lane.topic = outgoing.topic
            del lane.waiting[0]
            if not self._produce(lane, outgoing, settled):
                lane.waiting.insert(0, (outgoing, settled))
                if not lane.count:  # no report will ask again
                    asyncio.get_running_loop().call_later(POLL_EVERY, self._go_on, lane, key)
                return
        if not lane.count and self._lanes.get(key) is lane:
            del self._lanes[key]

    def _fail(self) -> None:
        """Some were not taken, and the producer has stopped."""
        failed, self._failed = self._failed, []
        reason = _reason(failed[0][1])
        of_a_batch = [number for number, error in failed if error.code() in OF_A_BATCH]
        for number, error in failed:
            if error.code() in OF_A_TOPIC:
                self._flight.settle(number, Refused(_reason(error)))
        if self._alone:
            for number in of_a_batch:
                self._flight.settle(number, Refused(reason, is_permanent=True))
            self._alone = 0
        elif of_a_batch:
            self._alone = len(self._flight)
        self._lose(reason)

    def _on_error(self, error: KafkaError) -> None:
        """Connections lost, logins refused: the producer goes on trying."""
        self._last_error = _reason(error)

    def _give_up(self) -> None:
        silence = f"no progress in {self._flight.timeout:g} s"
        self._lose(f"{silence}: {self._last_error}" if self._last_error else silence)

    def _lose(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        producer, self._producer = self._producer, None
        lanes, self._lanes = self._lanes, {}
        self._topics.clear()
        failure = Unavailable(f"{self.destination}: {reason}")
        self._flight.fail(failure)
        for lane in lanes.values():
            waiting, lane.waiting = lane.waiting, []
            for outgoing, settled in waiting:
                settled(outgoing, failure)
        if producer is not None:
            _destroy(producer)
        self._failed.clear()
        self._last_error = ""

    async def close(self) -> None:
        """Give up the producer; what is under way is settled with Unavailable."""
        self._lose("closed")


class _Lane:
    """What is under way of an aggregate: `count` messages, to one topic; others wait for them.

    Of two topics one might be refused, and the later message taken by the other.
    """

    __slots__ = ("count", "topic", "waiting")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.count = 0
        self.waiting: list[tuple[Outgoing, Settled]] = []


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
