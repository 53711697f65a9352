"""emit_events: the meaning of emit_event for every element, all or nothing, in input order."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psycopg
import pytest
from event.consistency import check_ledger
from event.leaf import check_chains, read_leaves
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

AnyConnection = psycopg.Connection[Any]
Element = dict[str, Any]
Receipts = list[tuple[Any, ...]]

TYPES = {
    "test.anything": [({}, True)],
    "test.silent": [({}, False)],
    "test.strict": [
        ({"required": ["a"]}, True),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, True),
    ],
    "test.private": [({"properties": {"name": {"type": "string", "x-private": True}}}, True)],
    "test.secret": [({"properties": {"pin": {"type": "string", "x-secret": True}}}, True)],
}


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    register = """select ledger.register_event_type(
        %s, %s::jsonb, publish => %s, compatibility => 'none')"""
    for event_type, versions in TYPES.items():
        for schema, publish in versions:
            pg.execute(register, [event_type, json.dumps(schema), publish])
    return pg


@pytest.fixture
def used(ledger: AnyConnection) -> AnyConnection:
    """A ledger whose tenant exists already, as it nearly always does."""
    ledger.execute("select ledger.emit_event('test.anything')")
    return ledger


def element(name: str | None = None, **arguments: Any) -> Element:
    stream = {"aggregate_type": "deal", "aggregate_id": name} if name else {}
    return {"event_type": "test.anything"} | stream | arguments


def emit_events(
    connection: AnyConnection, elements: list[Element], tenant_id: str | None = None
) -> Receipts:
    query = "select * from ledger.emit_events(%s, %s)"
    return connection.execute(query, [json.dumps(elements), tenant_id]).fetchall()


def emit_event(connection: AnyConnection, element: Element, tenant_id: str) -> Any:
    arguments = {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in element.items()
    }
    given = ", ".join(f"{name} => %({name})s" for name in arguments)
    query = f"select * from ledger.emit_event({given}, tenant_id => %(tenant_id)s)"
    return connection.execute(query, arguments | {"tenant_id": tenant_id}).fetchone()  # type: ignore[arg-type]


def counts(connection: AnyConnection) -> list[tuple[int]]:
    tables = ("agent_events", "outbox", "event_private", "streams", "idempotency_keys")
    query = " union all ".join(f"select count(*) from ledger.{table}" for table in tables)
    return connection.execute(query).fetchall()  # type: ignore[arg-type]


def column(connection: AnyConnection, expression: str) -> list[Any]:
    """That expression of every event, in the order of emission."""
    query = f"select {expression} from ledger.agent_events order by created_at"
    return [value for (value,) in connection.execute(query).fetchall()]  # type: ignore[arg-type]


def test_receipts_come_in_input_order(used: AnyConnection) -> None:
    names = ["b", None, "a", "b", "c", None, "a", "b"]
    elements = [element(name, payload={"n": n}) for n, name in enumerate(names)]
    for turn in range(2):
        receipts = emit_events(used, elements)
        rows = used.execute(
            """select e.payload ->> 'n', e.created_at, e.sequence, e.hash
            from unnest(%s::uuid[]) with ordinality as r (id, place)
            join ledger.agent_events as e using (id) order by place""",
            [[receipt[0] for receipt in receipts]],
        ).fetchall()
        assert rows == [(str(n), *receipt[1:4]) for n, receipt in enumerate(receipts)]
        before = {"a": 2 * turn, "b": 3 * turn, "c": turn}
        steps = [("b", 1), None, ("a", 1), ("b", 2), ("c", 1), None, ("a", 2), ("b", 3)]
        sequences = [before[step[0]] + step[1] if step else None for step in steps]
        assert [receipt[2] for receipt in receipts] == sequences
    check_ledger(used)


def test_an_empty_batch_is_nothing(ledger: AnyConnection) -> None:
    assert emit_events(ledger, []) == []
    assert emit_events(ledger, [], "acme") == []
    assert ledger.execute("select count(*) from ledger.tenants").fetchone() == (0,)


@pytest.mark.parametrize(
    ("bad", "sqlstate"),
    [
        ({"event_type": "no.such"}, "LG002"),
        ({"event_type": None}, "LG009"),
        ({"schema_version": 7}, "LG002"),
        ({"event_type": "test.strict", "payload": {"a": "x"}}, "LG003"),
        ({"event_type": "test.strict"}, "LG003"),
        ({"aggregate_type": "deal", "aggregate_id": "1", "expected_sequence": 1}, "LG004"),
        ({"run_id": str(uuid.uuid4())}, "LG006"),
        ({"payload": []}, "LG009"),
        ({"outcome": "maybe"}, "LG009"),
        ({"aggregate_type": "deal"}, "LG009"),
        ({"trace_id": "nonsense"}, "22P02"),
    ],
)
def test_one_bad_element_of_a_thousand_leaves_nothing(
    used: AnyConnection, bad: Element, sqlstate: str
) -> None:
    before = counts(used)
    elements = [element(str(n % 7)) for n in range(1000)]
    elements[700] = element(**bad)
    with pytest.raises(psycopg.Error) as refused:
        emit_events(used, elements)
    assert refused.value.sqlstate == sqlstate
    assert counts(used) == before


def test_context_fills_in_what_elements_leave_out(used: AnyConnection) -> None:
    trace, correlation, cause, other = (str(uuid.uuid4()) for _ in range(4))
    with used.transaction():
        used.execute(
            "select ledger.set_context('acme', null, %s, %s, %s, 'agent', 'closer')",
            [trace, correlation, cause],
        )
        emit_events(used, [element()])  # makes the tenant
        emit_events(used, [element(), element(correlation_id=other, actor_id="ada")])
    query = """select tenant_id, trace_id::text, correlation_id::text, causation_id::text,
        actor_type, actor_id from ledger.agent_events where tenant_id <> 'default'
        order by created_at"""
    context = ("acme", trace, correlation, cause, "agent", "closer")
    given_too = ("acme", trace, other, cause, "agent", "ada")
    assert used.execute(query).fetchall() == [context, context, given_too]


def test_a_run_of_the_context_gives_its_trace_and_correlation(used: AnyConnection) -> None:
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    with used.transaction():
        used.execute(
            "select ledger.start_run('tester', trace_id => %s, correlation_id => %s)",
            [trace, correlation],
        )
        emit_events(used, [element(), element("1")])
    assert column(used, "array[trace_id, correlation_id]")[-2:] == [[trace, correlation]] * 2


@pytest.mark.parametrize("odd", [{}, {"private": {"a": 1}}], ids=["short way", "one by one"])
def test_a_head_ahead_of_the_clock_is_followed(used: AnyConnection, odd: Element) -> None:
    emit_events(used, [element("ahead"), element("other")])
    with used.transaction():
        used.execute("set local role ledger_append")
        used.execute(
            """update ledger.streams set created_at = created_at + interval '10 minutes'
            where aggregate_id = 'ahead'"""
        )
    query = "select created_at from ledger.streams where aggregate_id = 'ahead'"
    row = used.execute(query).fetchone()
    assert row is not None
    names = ["ahead", "other", "ahead", "new", "ahead"]
    receipts = emit_events(used, [element(name, **odd) for name in names])
    times = [receipt[1] for receipt in receipts if receipt[2] >= 2 and receipt != receipts[1]]
    assert row[0] < times[0] < times[1] < times[2]
    check_ledger(used)


class TestOneByOne:
    """What a batch cannot do in one statement it does as emit_event would."""

    def test_private_data_stands_apart(self, used: AnyConnection) -> None:
        private = element(private={"name": "Ada"}, subject_id="person-1")
        by_schema = element(event_type="test.private", payload={"name": "Bob", "n": 1})
        emit_events(used, [element(), private, by_schema])
        assert column(used, "payload")[-2:] == [{}, {"n": 1}]
        rows = used.execute("select private from ledger.event_private order by event_id").fetchall()
        assert rows == [({"name": "Ada"},), ({"payload": {"/name": "Bob"}},)]
        check_ledger(used)

    def test_secrets_are_masked(self, used: AnyConnection) -> None:
        by_name = element(payload={"password": "hunter2"}, metadata={"api_key": "hunter2"})
        by_schema = element(event_type="test.secret", payload={"pin": "hunter2"})
        emit_events(used, [element(), by_name, by_schema])
        assert column(used, "payload")[-2:] == [{"password": "***"}, {"pin": "***"}]
        assert "hunter2" not in str(column(used, "agent_events::text"))

    def test_an_older_schema_version_can_be_named(self, used: AnyConnection) -> None:
        old = element(event_type="test.strict", schema_version=1, payload={"a": "text"})
        new = element(event_type="test.strict", payload={"a": 1})
        emit_events(used, [old, new])
        assert column(used, "schema_version")[-2:] == [1, 2]

    def test_causation_without_correlation_takes_the_causes(self, used: AnyConnection) -> None:
        correlation = uuid.uuid4()
        ((cause, *_),) = emit_events(used, [element(correlation_id=str(correlation))])
        emit_events(used, [element(), element(causation_id=str(cause))])
        assert column(used, "correlation_id")[-1] == correlation

    def test_a_tenant_whose_policy_is_open_takes_unknown_types(self, used: AnyConnection) -> None:
        used.execute("select ledger.set_tenant_policy('default', 'open')")
        emit_events(used, [element(), element(event_type="brand.new")])
        assert column(used, "event_type")[-1] == "brand.new"

    def test_expected_sequence_counts_the_batchs_own_events(self, used: AnyConnection) -> None:
        steps = [element("1", expected_sequence=n) for n in range(3)]
        assert [receipt[2] for receipt in emit_events(used, steps)] == [1, 2, 3]
        before = counts(used)
        with pytest.raises(psycopg.Error, match="is at sequence 4, not at 3") as refused:
            emit_events(used, [element("1"), element("1", expected_sequence=3)])
        assert refused.value.sqlstate == "LG004"
        assert counts(used) == before


@pytest.mark.parametrize(("by_call", "messages"), [(None, 1), (False, 0), (True, 2)])
def test_publish_is_decided_by_type_and_overridden_by_element(
    used: AnyConnection, by_call: bool | None, messages: int
) -> None:
    used.execute("create temp table before as select id from ledger.outbox")
    publish = {} if by_call is None else {"publish": by_call}
    emit_events(used, [element(**publish), element(event_type="test.silent", **publish)])
    query = "select count(*) from ledger.outbox where id not in (select id from before)"
    assert used.execute(query).fetchone() == (messages,)


class TestIdempotencyKeys:
    def test_a_retry_of_the_batch_gets_its_first_receipts(self, used: AnyConnection) -> None:
        batch = [element("1", idempotency_key="a"), element(idempotency_key="b")]
        first = emit_events(used, batch)
        before = counts(used)
        assert emit_events(used, batch) == [(*receipt[:4], True) for receipt in first]
        assert [receipt[4] for receipt in first] == [False, False]
        assert counts(used) == before

    def test_a_key_repeated_within_the_batch_is_one_event(self, used: AnyConnection) -> None:
        elements = [element("1", idempotency_key="a"), element("1"), element("1")]
        elements.append(element("1", idempotency_key="a"))
        receipts = emit_events(used, elements)
        assert receipts[3] == (*receipts[0][:4], True)
        assert [receipt[2] for receipt in receipts] == [1, 2, 3, 1]
        check_ledger(used)

    def test_a_retry_begins_no_stream(self, used: AnyConnection) -> None:
        """Not even one that differs from the first call in its stream."""
        emit_events(used, [element("1", idempotency_key="a")])
        retries = [element("2", idempotency_key="a"), element("3", idempotency_key="b")]
        retries.append(element("4", idempotency_key="b"))
        assert [receipt[4] for receipt in emit_events(used, retries)] == [True, False, True]
        streams = used.execute("select aggregate_id from ledger.streams order by 1").fetchall()
        assert streams == [("1",), ("3",)]
        check_ledger(used)

    def test_a_key_that_looks_like_a_position_is_a_key(self, used: AnyConnection) -> None:
        elements = [element("1"), element("2", idempotency_key="1"), element("3")]
        assert [receipt[2] for receipt in emit_events(used, elements)] == [1, 1, 1]
        check_ledger(used)


UUIDS = st.sampled_from([str(uuid.UUID(int=number, version=4)) for number in range(1, 4)])
DOCUMENTS = st.dictionaries(
    st.sampled_from(["a", "name", "pin", "Token", "ü"]),
    st.integers(-3, 3) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
    max_size=2,
)
CAUSE = "the cause"  # stands for the id of an event that each tenant has
RARELY = {
    "event_type": st.sampled_from([*TYPES, "no.such"]),
    "schema_version": st.integers(1, 2),
    "run_id": UUIDS,
    "causation_id": st.just(CAUSE),
    "expected_sequence": st.integers(0, 2),
    "private": DOCUMENTS,
    "subject_id": st.just("person-1"),
    "idempotency_key": st.sampled_from(["k1", "k2"]),
}
OFTEN = {
    "payload": DOCUMENTS,
    "trace_id": UUIDS,
    "correlation_id": UUIDS,
    "deal_id": UUIDS,
    "action_id": UUIDS,
    "actor_type": st.sampled_from(["user", "agent"]),
    "actor_id": st.sampled_from(["ada", "Bob"]),
    "outcome": st.sampled_from(["success", "failure"]),
    "proof": st.sampled_from([{"type": "none"}, {"type": "hash", "hash": "ab"}]),
    "metadata": DOCUMENTS,
    "occurred_at": st.sampled_from(["2020-01-01T00:00:00Z", "2030-06-01T12:00:00.000001+02"]),
    "publish": st.booleans(),
    "headers": DOCUMENTS,
}
PLAIN = st.fixed_dictionaries({"event_type": st.just("test.anything")}, optional=OFTEN)
STREAMS = st.sampled_from(["1", "2", "3", None]).map(lambda name: element(name))
ELEMENTS = st.builds(
    lambda stream, plain, odd: stream | plain | odd,
    STREAMS,
    PLAIN,
    st.just({}) | st.fixed_dictionaries({}, optional=RARELY),
)
BATCHES = st.lists(
    st.lists(st.builds(lambda a, b: a | b, STREAMS, PLAIN) | ELEMENTS, max_size=6), max_size=4
)

# Everything that is stored of a receipt's event, but for what is never the same twice; an id that
# the caller did not choose is told by what it equals.
STORED = """
    select e.event_type, e.schema_version, e.payload, e.run_id, e.deal_id, e.action_id,
      case when e.trace_id = any(%(chosen)s) then e.trace_id end,
      case when e.correlation_id = any(%(chosen)s) then e.correlation_id end,
      e.correlation_id = e.trace_id, e.causation_id = %(cause)s, e.aggregate_type, e.aggregate_id,
      e.sequence, e.actor_type, e.actor_id, e.outcome, e.proof, e.metadata, e.occurred_at,
      e.private_hash is null, e.prev_hash is null, p.subject_id, p.private, k.key,
      m.aggregate_id, m.event_type, m.schema_version, m.payload, m.trace_id = e.trace_id,
      m.correlation_id = e.correlation_id, m.headers
    from ledger.agent_events as e
    left join ledger.event_private as p on p.tenant_id = e.tenant_id and p.event_id = e.id
    left join ledger.outbox as m
      on m.tenant_id = e.tenant_id and m.created_at = e.created_at and m.id = e.id
    left join ledger.idempotency_keys as k on k.tenant_id = e.tenant_id and k.event_id = e.id
    where e.id = %(id)s"""


class Tenant:
    """One of two tenants that get the same events, each in its own way."""

    def __init__(self, connection: AnyConnection, tenant_id: str) -> None:
        self.connection = connection
        self.tenant_id = tenant_id
        self.chosen = [uuid.UUID(int=number, version=4) for number in range(1, 4)]
        start_run = "select ledger.start_run('tester', run_id => %s, tenant_id => %s)"
        with connection.transaction():
            connection.execute(start_run, [self.chosen[0], tenant_id])
        cause = element(correlation_id=str(self.chosen[1]))
        self.cause = emit_event(connection, cause, tenant_id)[0]

    def emit(self, elements: list[Element], one_by_one: bool) -> list[Any]:
        """What came of it: the SQLSTATE, or of each element what is stored."""
        own = [
            element | ({"causation_id": str(self.cause)} if "causation_id" in element else {})
            for element in elements
        ]
        try:
            with self.connection.transaction():
                if one_by_one:
                    receipts = [emit_event(self.connection, e, self.tenant_id) for e in own]
                else:
                    receipts = emit_events(self.connection, own, self.tenant_id)
        except psycopg.Error as error:
            return [error.sqlstate]
        order = {receipt[0]: n for n, receipt in reversed(list(enumerate(receipts)))}
        return [
            (*receipt[2:3], receipt[4], order[receipt[0]], self.stored(receipt[0]))
            for receipt in receipts
        ]

    def stored(self, event_id: uuid.UUID) -> Any:
        parameters = {"id": event_id, "cause": self.cause, "chosen": self.chosen}
        return self.connection.execute(STORED, parameters).fetchall()


def test_a_batch_means_what_its_elements_mean_one_by_one(ledger: AnyConnection) -> None:
    examples = 0
    outcomes: set[bool] = set()

    @settings(
        max_examples=150,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(BATCHES)
    def compare(batches: list[list[Element]]) -> None:
        nonlocal examples
        examples += 1
        one, other = (Tenant(ledger, f"{name}{examples}") for name in ("batch", "single"))
        for batch in batches:
            stored = one.emit(batch, one_by_one=False)
            assert stored == other.emit(batch, one_by_one=True)
            outcomes.add(any(isinstance(result, str) for result in stored))

    compare()
    assert outcomes == {True, False}
    check_chains(list(read_leaves(ledger)))
