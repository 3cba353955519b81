"""Lists in pages and reads in batches: nothing is missing in silence, nothing leads astray."""

from __future__ import annotations

import asyncio
import json
import random

import httpx
import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import CONTRACTS, Family
from atlas_gql.graph.batch import Batch, read_all
from atlas_gql.reasons import ReasonCode as R

BATCH = Batch(version="v1.0", family=Family.IDENTITY)
CONFIGURATIONS = CONTRACTS["deviceConfigurations"]


class Batches:
    """Answers `$batch`: `judge(url, n)` gives the part for the n-th time that the url is asked."""

    def __init__(self, judge, *, shuffle=True):
        self.judge, self.shuffle = judge, shuffle
        self.asked = {}
        self.sizes = []

    def __call__(self, request):
        parts = json.loads(request.content)["requests"]
        self.sizes.append(len(parts))
        answers = []
        for part in parts:
            self.asked[part["url"]] = self.asked.get(part["url"], 0) + 1
            answer = self.judge(part["url"], self.asked[part["url"]])
            if answer is not None:
                answers.append({"id": part["id"], **answer})
        random.Random(1).shuffle(answers)
        return httpx.Response(200, json={"responses": answers})


def good(url):
    return {"status": 200, "headers": {}, "body": {"value": url}}


def bad(status, retry_after=None):
    headers = {"retry-after": retry_after} if retry_after else {}
    return {"status": status, "headers": headers, "body": {"error": {"code": "x", "message": "y"}}}


def read(graph, handler, urls, **patience):
    return asyncio.run(read_all(graph(handler, **patience).transport, BATCH, urls))


def outcome(part):
    return part.reason_code if isinstance(part, GraphError) else part["value"]


def test_parts_come_back_in_their_order_twenty_at_a_time(graph):
    urls = [f"/{n}" for n in range(45)]
    handler = Batches(lambda url, n: good(url))
    assert [outcome(part) for part in read(graph, handler, urls)] == urls
    assert sorted(handler.sizes) == [5, 20, 20]


def test_each_part_counts_against_what_microsoft_allows(graph, time):
    """700 at once and 280 a second, of what the directory allows to a small tenant."""
    read(graph, Batches(lambda url, n: good(url)), [f"/{n}" for n in range(980)])
    assert sum(time.slept) == pytest.approx(1)


def test_no_urls_make_no_call(graph):
    handler = Batches(lambda url, n: good(url))
    assert (read(graph, handler, []), handler.sizes) == ([], [])


def test_only_throttled_and_failing_parts_are_asked_again_after_the_longest_wait(graph, time):
    def judge(url, n):
        waits = {"/a": "3", "/b": "9"}
        if n == 1 and url in waits:
            return bad(429, waits[url])
        return bad(503) if n == 1 and url == "/c" else good(url)

    handler = Batches(judge)
    parts = read(graph, handler, ["/a", "/b", "/c", "/d"])
    assert [outcome(part) for part in parts] == ["/a", "/b", "/c", "/d"]
    assert (handler.asked, time.slept) == ({"/a": 2, "/b": 2, "/c": 2, "/d": 1}, [9])


def test_patience_that_ends_after_a_429_is_throttled_whatever_failed_last(graph):
    handler = Batches(lambda url, n: bad(429) if n == 1 else bad(503))
    assert [outcome(part) for part in read(graph, handler, ["/a"])] == [R.THROTTLED]


def test_waits_grow_only_while_nothing_goes_well(graph, time):
    """Ten parts, one of which goes well each time: a second or less between, not ever longer."""
    urls = [f"/{n}" for n in range(10)]
    handler = Batches(lambda url, n: good(url) if n > int(url[1:]) else bad(429))
    assert [outcome(part) for part in read(graph, handler, urls)] == urls
    assert max(time.slept) <= 1


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        pytest.param(None, R.INVALID_RESPONSE, id="missing"),
        pytest.param({"body": {}}, R.INVALID_RESPONSE, id="no-status"),
        pytest.param({"status": 200, "body": "<html>"}, R.INVALID_RESPONSE, id="html"),
        pytest.param({"status": 200}, R.INVALID_RESPONSE, id="no-body"),
        pytest.param(bad(403), R.PERMISSION_DENIED, id="403"),
        pytest.param(bad(404), R.NOT_FOUND, id="404"),
        pytest.param({"status": 500, "headers": None, "body": None}, R.DEPENDENCY_UNREACHABLE, id="500"),
        pytest.param(bad(429, "5"), R.THROTTLED, id="429-for-ever"),
    ],
)
def test_a_part_without_an_answer_is_an_error_and_harms_no_other(graph, part, reason):
    parts = read(graph, Batches(lambda url, n: part if url == "/x" else good(url)), ["/x", "/y"])
    assert [outcome(part) for part in parts] == [reason, "/y"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"responses": null}'])
def test_a_batch_that_is_no_batch_is_an_error_of_each_part(graph, script, body):
    parts = read(graph, script(httpx.Response(200, content=body)), ["/x", "/y"])
    assert [outcome(part) for part in parts] == [R.INVALID_RESPONSE] * 2


def test_a_batch_that_is_refused_is_an_error_as_a_whole(graph, script):
    with pytest.raises(GraphError) as caught:
        read(graph, script(httpx.Response(403)), ["/x"])
    assert caught.value.reason_code is R.PERMISSION_DENIED


def listed(graph, handler):
    async def every():
        return [page async for page in graph(handler).client.pages("/beta/deviceManagement/things")]

    return asyncio.run(every())


def page(values, link=None):
    return httpx.Response(200, json={"value": values} | ({"@odata.nextLink": link} if link else {}))


NEXT = "https://graph.example/beta/deviceManagement/things?$skiptoken=a%2Bb%3D"


def test_links_are_followed_as_given_past_empty_pages(graph, script):
    handler = script(page([1], NEXT), page([], NEXT + "2"), page([2]))
    assert [p["value"] for p in listed(graph, handler)] == [[1], [], [2]]
    assert str(handler.requests[1].url) == NEXT


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("https://evil.example/beta/things", id="other-host"),
        pytest.param("/beta/things?page=2", id="relative"),
        pytest.param({"not": "text"}, id="no-text"),
    ],
)
def test_a_link_that_leads_astray_fails_the_list(graph, script, link):
    handler = script(page([1], link))
    with pytest.raises(GraphError) as caught:
        listed(graph, handler)
    assert caught.value.reason_code is R.INVALID_RESPONSE
    assert [request.url.host for request in handler.requests] == ["graph.example"]


def test_a_loop_of_links_fails_the_list(graph, script):
    handler = script(page([1], NEXT))
    with pytest.raises(GraphError) as caught:
        listed(graph, handler)
    assert (caught.value.reason_code, len(handler.requests)) == (R.INVALID_RESPONSE, 2)


def test_endless_pages_fail_the_list(graph, monkeypatch):
    monkeypatch.setattr("atlas_gql.graph.pages.MAX_PAGES", 10)
    numbers = iter(range(100))
    with pytest.raises(GraphError) as caught:
        listed(graph, lambda _: page([1], f"{NEXT}{next(numbers)}"))
    assert (caught.value.reason_code, next(numbers)) == (R.INVALID_RESPONSE, 10)


def policies(graph, handler):
    async def every():
        return [policy async for policy in graph(handler).client.policies(CONFIGURATIONS)]

    return asyncio.run(every())


ASSIGNED = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}


class Tenant:
    """One list of policies, and what `/{id}/assignments` says of those that come without."""

    def __init__(self, listed, again):
        self.listed, self.again = listed, again

    def __call__(self, request):
        if not request.url.path.endswith("$batch"):
            if isinstance(self.listed, bytes):
                return httpx.Response(200, content=self.listed)
            return httpx.Response(200, json={"value": self.listed})
        return Batches(lambda url, n: self.again)(request)


@pytest.mark.parametrize(
    "assignments",
    [
        pytest.param({}, id="missing"),
        pytest.param({"assignments": None}, id="null"),
        pytest.param({"assignments": "x"}, id="text"),
        pytest.param({"assignments": [{"id": "1"}]}, id="no-target"),
        pytest.param({"assignments": [None]}, id="null-assignment"),
        pytest.param({"assignments": [], "assignments@odata.nextLink": "x"}, id="cut-off"),
    ],
)
def test_assignments_that_did_not_come_along_are_asked_for_again(graph, assignments):
    raw = {"id": "p1", "displayName": "P", **assignments}

    (found,) = policies(graph, Tenant([raw], {"status": 200, "body": {"value": [ASSIGNED]}}))
    assert (found.error, len(found.assignments)) == (None, 1)

    for part, reason in ((bad(403), R.PERMISSION_DENIED), ({"status": 200, "body": {}}, R.INVALID_RESPONSE)):
        (found,) = policies(graph, Tenant([raw], part))
        assert (found.error.reason_code, found.assignments) == (reason, ())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="html"),
        pytest.param(b'{"value": [', id="broken"),
        pytest.param(b'{"value": null}', id="null"),
        pytest.param(b'{"value": [1]}', id="numbers"),
        pytest.param(b'{"value": [{"displayName": "no id"}]}', id="no-id"),
        pytest.param(b"{}", id="no-value"),
        pytest.param(b"\xff\xfe", id="no-text"),
    ],
)
def test_a_list_that_is_no_list_is_never_an_empty_one(graph, answer):
    with pytest.raises(GraphError) as caught:
        policies(graph, Tenant(answer, None))
    assert caught.value.reason_code is R.INVALID_RESPONSE


def test_a_link_inside_a_part_is_followed_outside_of_the_batch(graph):
    def handler(request):
        if request.url.path.endswith("$batch"):
            body = {"value": [ASSIGNED], "@odata.nextLink": "https://graph.example/beta/rest"}
            return Batches(lambda url, n: {"status": 200, "body": body})(request)
        if request.url.path == "/beta/rest":
            return httpx.Response(200, json={"value": [ASSIGNED, ASSIGNED]})
        return httpx.Response(200, json={"value": [{"id": "p1"}]})

    (found,) = policies(graph, handler)
    assert len(found.assignments) == 3


def test_a_policy_listed_twice_is_given_once(graph, script):
    one, two = ({"id": key, "displayName": "P", "assignments": []} for key in ("p1", "p2"))
    found = policies(graph, script(page([one, one], NEXT), page([one, two])))
    assert [policy.id for policy in found] == ["p1", "p2"]


@pytest.mark.parametrize("status", [400, 403])
def test_a_list_that_refuses_to_expand_is_read_without(graph, status):
    """Whether a list expands is not known for every tenant; a refusal for another reason stays one."""

    def handler(request):
        if request.url.path.endswith("$batch"):
            return Batches(lambda url, n: {"status": 200, "body": {"value": [ASSIGNED]}})(request)
        if "$expand" in request.url.params:
            return httpx.Response(status)
        return httpx.Response(200, json={"value": [{"id": "p1", "displayName": "P"}]})

    if status == 400:
        (found,) = policies(graph, handler)
        assert (found.error, len(found.assignments)) == (None, 1)
    else:
        with pytest.raises(GraphError):
            policies(graph, handler)


def test_a_page_too_large_to_read_is_read_without_its_assignments(graph, monkeypatch):
    monkeypatch.setattr("atlas_gql.graph.transport.MAX_ANSWER_BYTES", 2000)

    def handler(request):
        if request.url.path.endswith("$batch"):
            return Batches(lambda url, n: {"status": 200, "body": {"value": [ASSIGNED]}})(request)
        raw = {"id": "p1", "displayName": "P"}
        if "$expand" in request.url.params:
            raw["assignments"] = [ASSIGNED] * 100
        return httpx.Response(200, json={"value": [raw]})

    (found,) = policies(graph, handler)
    assert (found.error, len(found.assignments)) == (None, 1)
