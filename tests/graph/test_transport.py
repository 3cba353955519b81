"""One call: what is tried again, how long it waits, and what its failure says."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import Family
from atlas_gql.graph.transport import MAX_ANSWER_BYTES, Call
from atlas_gql.reasons import ReasonCode as R

READ = Call(url="/beta/deviceManagement/deviceConfigurations", family=Family.CONFIGURATION)
ASSIGN = Call(url="/beta/x/assign", family=Family.CONFIGURATION, method="POST", body={}, writing=True)
ADD = Call(
    url="/beta/x/assignments",
    family=Family.ENROLMENT,
    method="POST",
    body={},
    writing=True,
    repeatable=False,
)


def ok(body=None):
    return httpx.Response(200, json=body or {"value": []})


def failing(status, headers=None, **body):
    return httpx.Response(status, headers=headers, json=body or {"error": {"code": "x", "message": "y"}})


def send(graph, call):
    return asyncio.run(graph.transport.send(call))


def refused(graph, call):
    with pytest.raises(GraphError) as caught:
        send(graph, call)
    return caught.value


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [
        pytest.param("7", 7, 7, id="seconds"),
        pytest.param("Fri, 15 Jan 2027 08:00:20 GMT", 20, 20, id="date"),
        pytest.param("Fri, 15 Jan 2027 07:00:00 GMT", 0.5, 1, id="date-gone-by"),
        pytest.param("soon", 0.5, 1, id="garbage"),
        pytest.param("-5", 0.5, 1, id="negative"),
        pytest.param("0", 0.5, 1, id="zero"),
        pytest.param(None, 0.5, 1, id="absent"),
    ],
)
def test_a_throttled_call_waits_as_it_is_told(graph, script, time, retry_after, low, high):
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    answer = send(graph(script(failing(429, headers), ok())), READ)

    assert answer.status == 200
    assert len(time.slept) == 1
    assert low <= time.slept[0] <= high


def test_without_a_retry_after_the_waits_grow(graph, script, time):
    send(graph(script(failing(503), failing(502), failing(504), ok())), READ)

    assert [0.5 <= time.slept[0] <= 1, 1 <= time.slept[1] <= 2, 2 <= time.slept[2] <= 4] == [True] * 3


def test_waiting_ends_with_the_patience(graph, script, time):
    handler = script(failing(429, {"Retry-After": "50"}))
    error = refused(graph(handler, total=120), READ)

    assert (error.reason_code, error.retry_after, sum(time.slept)) == (R.THROTTLED, 50, 100)
    assert len(handler.requests) == 3


def test_what_seldom_heals_is_counted_apart_from_what_passes_by_waiting(graph, script):
    """A connection that breaks once is no reason to give up after many a 429."""
    busy = [failing(429, {"Retry-After": "1"})] * 5
    handler = script(*busy, httpx.ReadError("x"), failing(503), ok())
    assert send(graph(handler), READ).status == 200


def test_patience_that_ends_after_a_429_is_throttled_whatever_failed_last(graph, script):
    handler = script(failing(429, {"Retry-After": "7"}), failing(503))
    assert refused(graph(handler, total=60), READ).reason_code is R.THROTTLED


def test_a_retry_after_beyond_the_patience_is_handed_on_and_holds_back_the_family(graph, script, time):
    handler = script(failing(429, {"Retry-After": "600"}))
    g = graph(handler)

    first, second = refused(g, READ), refused(g, READ)

    assert (first.reason_code, first.retry_after, second.reason_code) == (R.THROTTLED, 600, R.THROTTLED)
    assert second.retry_after == 600
    assert len(handler.requests) == 1, "the second call must not have been made"
    assert time.slept == []


@pytest.mark.parametrize(
    ("call", "problem", "calls", "reason", "may_have_happened"),
    [
        pytest.param(READ, failing(500), 4, R.DEPENDENCY_UNREACHABLE, False, id="read-500"),
        pytest.param(READ, httpx.ConnectError("x"), 4, R.DEPENDENCY_UNREACHABLE, False, id="read-refused"),
        pytest.param(READ, httpx.ReadTimeout("x"), 4, R.TIMEOUT, False, id="read-timeout"),
        pytest.param(READ, failing(400), 1, R.INVALID_REQUEST, False, id="read-400"),
        pytest.param(READ, failing(403), 1, R.PERMISSION_DENIED, False, id="read-403"),
        pytest.param(READ, failing(302), 1, R.INVALID_RESPONSE, False, id="redirect"),
        pytest.param(ASSIGN, httpx.ReadError("x"), 4, R.DEPENDENCY_UNREACHABLE, True, id="assign-lost"),
        pytest.param(ASSIGN, failing(500), 4, R.DEPENDENCY_UNREACHABLE, True, id="assign-500"),
        pytest.param(ASSIGN, failing(404), 1, R.NOT_FOUND, False, id="assign-404"),
        pytest.param(ASSIGN, httpx.Response(202), 1, R.INVALID_RESPONSE, True, id="assign-202"),
        pytest.param(ADD, httpx.ReadError("x"), 1, R.DEPENDENCY_UNREACHABLE, True, id="add-lost"),
        pytest.param(ADD, httpx.ReadTimeout("x"), 1, R.TIMEOUT, True, id="add-timeout"),
        pytest.param(ADD, failing(503), 1, R.DEPENDENCY_UNREACHABLE, True, id="add-503"),
        pytest.param(ADD, failing(429), 1, R.THROTTLED, True, id="add-429"),
        pytest.param(ADD, httpx.ConnectError("x"), 4, R.DEPENDENCY_UNREACHABLE, False, id="add-never-sent"),
    ],
)
def test_only_what_may_be_repeated_is_repeated(
    graph, script, call, problem, calls, reason, may_have_happened
):
    handler = script(problem)
    error = refused(graph(handler), call)

    assert (error.reason_code, error.may_have_happened) == (reason, may_have_happened)
    assert len(handler.requests) == calls


def test_a_refused_token_is_renewed_once(graph, script, tokens):
    handler = script(failing(401), ok())
    send(graph(handler), ADD)

    sent = [request.headers["authorization"] for request in handler.requests]
    assert sent == ["Bearer token-1", "Bearer token-2"]

    error = refused(graph(script(failing(401))), READ)
    assert (error.reason_code, error.status, tokens.number) == (R.AUTHENTICATION_FAILED, 401, 3)


def test_calls_refused_together_share_one_renewal(graph, tokens):
    async def handler(request):
        await asyncio.sleep(0.001)  # so that all are on their way before the first is refused
        return failing(401) if request.headers["authorization"] == "Bearer token-1" else ok()

    async def many():
        g = graph(handler)
        await asyncio.gather(*(g.transport.send(READ) for _ in range(8)))

    asyncio.run(many())
    assert tokens.number == 2


def test_one_client_request_id_per_call_stays_with_its_failure(graph, script):
    handler = script(httpx.ConnectError("x"))
    error = refused(graph(handler), READ)

    assert {request.headers["client-request-id"] for request in handler.requests} == {error.request_id}
    assert error.client_request_id == error.request_id

    handler = script(failing(403, {"request-id": "theirs"}))
    error = refused(graph(handler), READ)
    assert error.request_id == "theirs"
    assert error.client_request_id == handler.requests[0].headers["client-request-id"]


def test_a_429_leaves_fewer_calls_in_flight_until_enough_went_well(graph):
    flying = most = 0
    throttle = [True]

    async def handler(request):
        nonlocal flying, most
        if throttle:
            throttle.pop()
            return failing(429, {"Retry-After": "1"})
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.001)
        flying -= 1
        return ok()

    async def calls(g, number):
        nonlocal most
        most = 0
        await asyncio.gather(*(g.transport.send(READ) for _ in range(number)))
        return most

    async def scenario():
        g = graph(handler)
        await g.transport.send(READ)
        return await calls(g, 8), await calls(g, 60), await calls(g, 60)

    after, recovering, recovered = asyncio.run(scenario())
    assert (after, recovered) == (4, 8)
    assert after <= recovering <= recovered


def test_a_huge_answer_is_not_read_to_its_end(graph):
    read = 0

    async def body():
        nonlocal read
        for _ in range(100):
            read += 1024 * 1024
            yield b" " * 1024 * 1024

    error = refused(graph(lambda _: httpx.Response(200, content=body())), READ)

    assert (error.reason_code, error.detail) == (R.INVALID_RESPONSE, "answer_too_large")
    assert read <= MAX_ANSWER_BYTES + 2 * 1024 * 1024


def test_a_cancelled_call_is_cancelled(graph):
    async def cancelled():
        async def handler(request):
            await asyncio.sleep(60)

        task = asyncio.create_task(graph(handler).transport.send(ASSIGN))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def test_an_answer_that_drips_is_given_up(graph):
    async def handler(request):
        await asyncio.sleep(60)

    error = refused(graph(handler, attempt=0.01, tries=1), READ)
    assert error.reason_code is R.TIMEOUT


@pytest.mark.parametrize("path", ["//evil.example/x", "/beta/x@evil.example"])
def test_a_path_never_leaves_the_host(graph, script, path):
    handler = script(ok())
    send(graph(handler), Call(url=path, family=Family.IDENTITY))
    assert handler.requests[0].url.host == "graph.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/beta/x",
        "http://graph.example/x",
        "https://graph.example:444/x",
        "https://a:b@graph.example/",
    ],
)
def test_another_host_gets_no_token(graph, script, url):
    handler = script(ok())
    error = refused(graph(handler), Call(url=url, family=Family.IDENTITY))
    assert (error.reason_code, handler.requests) == (R.INVALID_RESPONSE, [])


def test_garbage_for_a_path_is_refused(graph, script):
    error = refused(graph(script(ok())), Call(url="/beta/\x01", family=Family.IDENTITY))
    assert error.reason_code is R.INVALID_REQUEST
