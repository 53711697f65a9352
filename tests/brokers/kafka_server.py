"""A Kafka cluster: the mock one that librdkafka has for its own tests, behind a real socket.

    python kafka_server.py PARTITIONS

The first line that it writes is its address. Then it obeys a line each: down, up, fail CODE ….
confluent-kafka has no calls for these, so they are made by ctypes, to the library it brings along.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import confluent_kafka

PRODUCER = 0
PRODUCE = 0  # the key of the request
BROKER = 1


def library() -> ctypes.CDLL:
    package = Path(confluent_kafka.__file__).parent
    places = [package.with_name("confluent_kafka.libs"), package]
    for found in (path for place in places for path in place.glob("librdkafka*")):
        return ctypes.CDLL(str(found))
    return ctypes.CDLL("librdkafka.so.1")


def main() -> None:
    rdkafka = library()
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, result, arguments in [
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_new", pointer, [number, pointer, text, ctypes.c_size_t]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_broker_set_down", number, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", number, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
        (
            "rd_kafka_mock_push_request_errors_array",
            None,
            [pointer, ctypes.c_int16, ctypes.c_size_t, pointer],
        ),
    ]:
        function = getattr(rdkafka, name)
        function.restype, function.argtypes = result, arguments
    error = ctypes.create_string_buffer(512)
    handle = rdkafka.rd_kafka_new(PRODUCER, rdkafka.rd_kafka_conf_new(), error, len(error))
    assert handle, error.value
    cluster = rdkafka.rd_kafka_mock_cluster_new(handle, 1)
    partitions = int(sys.argv[1])
    print(rdkafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        match command:
            case "down":
                rdkafka.rd_kafka_mock_broker_set_down(cluster, BROKER)
            case "up":
                rdkafka.rd_kafka_mock_broker_set_up(cluster, BROKER)
            case "topic":
                rdkafka.rd_kafka_mock_topic_create(cluster, words[0].encode(), partitions, 1)
            case "fail":
                codes = (ctypes.c_int * len(words))(*map(int, words))
                rdkafka.rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, len(words), codes)
        print("done", flush=True)


if __name__ == "__main__":
    main()
