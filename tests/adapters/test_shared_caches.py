"""No shared cache gives one caller's answer to another, wherever it stands, at any door."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from jwt_middleware import Refusal
from jwt_middleware.testing import SigningKey

from .apps import DOORS, Door
from .conformance import JWT, NOW, PREFLIGHT, Tokens
from .harness import DENIAL, Answer, Headers, open_websocket
from .shared_cache import SharedCache

ALL_DOORS = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
GUARDED_DOORS = pytest.mark.parametrize(
    "door", [door for door in DOORS if "guards" in door.can], ids=lambda door: door.name
)
SAID = {
    "nothing": {},
    "max-age": {"Cache-Control": "max-age=60"},
    "max-age and a Vary": {"Cache-Control": "max-age=60", "Vary": "Accept"},
    "an ETag": {"ETag": '"1"'},
    "an ETag and no-cache": {"ETag": '"1"', "Cache-Control": "no-cache"},
    "Expires": {"Expires": "Thu, 01 Jan 2099 00:00:00 GMT"},
    "private for one header": {"Cache-Control": 'max-age=60, private="Set-Cookie"'},
}
KEY = "X-API-Key"
"""By which the gateway of these tests knows a caller."""


class Site:
    """An app behind a gateway, with a shared cache behind the gateway or before it."""

    def __init__(self, door: Door, key: SigningKey, tokens: Tokens, **options: Any) -> None:
        self.door = door
        self.tokens = tokens
        self.app = door.build({"keys": key.certificate_pem, "clock": lambda: NOW, **options})
        self.behind = SharedCache(self.origin)
        self.before = SharedCache(self.gateway)

    def origin(self, method: str, path: str, headers: Headers = ()) -> Answer:
        path, _, query = path.partition("?")
        return self.door.ask(self.app, method, path, headers, query=query)

    def gateway(self, method: str, path: str, headers: Headers) -> Answer:
        return self.origin(method, path, self.signed(headers))

    def signed(self, headers: Headers) -> list[tuple[str, str]]:
        return [(JWT, self.tokens[v]) if name == KEY else (name, v) for name, v in headers]

    def ask(self, place: str, path: str, caller: str | None) -> Answer:
        headers = [] if caller is None else [(KEY, caller)]
        if place == "before":
            return self.before.ask("GET", path, headers)
        return self.behind.ask("GET", path, self.signed(headers))


@pytest.fixture(scope="module")
def tokens(rsa_key: SigningKey, other_rsa_key: SigningKey) -> Tokens:
    return Tokens(rsa_key, other_rsa_key)


@pytest.fixture
def site(rsa_key: SigningKey, tokens: Tokens) -> Any:
    def make(door: Door, **options: Any) -> Site:
        return Site(door, rsa_key, tokens, **options)

    return make


def who(**headers: str) -> str:
    return f"/who?{urlencode(headers)}"


PLACES = pytest.mark.parametrize("place", ["behind", "before"])
ALL_SAID = pytest.mark.parametrize("said", SAID.values(), ids=SAID)


@ALL_DOORS
@PLACES
@ALL_SAID
def test_a_cache_gives_a_callers_answer_to_nobody_else(
    door: Door, place: str, said: Any, site: Any
) -> None:
    asked = site(door, optional=True)
    path = who(**said)

    told = [asked.ask(place, path, caller).json() for caller in ("of_x", "of_y", None, "of_x")]

    assert [each and each["client_id"] for each in told] == ["x", "y", None, "x"]


@ALL_DOORS
@PLACES
@ALL_SAID
def test_a_cache_gives_no_answer_to_a_caller_without_a_token(
    door: Door, place: str, said: Any, site: Any
) -> None:
    asked = site(door)
    path = who(**said)

    statuses = [asked.ask(place, path, caller).status for caller in ("of_x", None, "of_x", None)]

    assert statuses == [200, 401, 200, 401]


@ALL_DOORS
def test_without_vary_the_same_cache_does_give_it(door: Door, site: Any) -> None:
    """The tests above can fail: it is the two headers that keep the callers apart."""
    asked = site(door, vary=False)
    path = who(**SAID["max-age"])

    assert asked.ask("before", path, "of_x").json()["client_id"] == "x"
    assert asked.ask("before", path, "of_y").json()["client_id"] == "x"


@ALL_DOORS
def test_an_app_that_says_public_shares_before_the_gateway_only(door: Door, site: Any) -> None:
    asked = site(door)
    path = who(**{"Cache-Control": "public, max-age=60"})

    for place, second in (("before", "x"), ("behind", "y")):
        assert asked.ask(place, path, "of_x").json()["client_id"] == "x"
        assert asked.ask(place, path, "of_y").json()["client_id"] == second


# --- the headers themselves ------------------------------------------------------------------


def answered(site: Site, path: str = "/who", token: str | None = "good", **more: Any) -> Answer:
    headers = more.pop("headers", [])
    sent = [] if token is None else [(JWT, site.tokens[token])]
    return site.origin(more.pop("method", "GET"), path, [*sent, *headers])


def said_of(answer: Answer) -> tuple[str | None, str | None]:
    return answer.header("Vary"), answer.header("Cache-Control")


OURS = ("X-JWT-Assertion", "private")


@ALL_DOORS
@pytest.mark.parametrize("token", ["good", None])
def test_an_answer_says_that_it_depends_on_the_header_with_a_token_and_without(
    door: Door, token: str | None, site: Any
) -> None:
    assert said_of(answered(site(door, optional=True), token=token)) == OURS


@ALL_DOORS
def test_the_header_is_named_as_it_is_configured(door: Door, site: Any) -> None:
    asked = site(door, header="X-Identity", optional=True)

    assert said_of(answered(asked, token=None)) == ("X-Identity", "private")


@ALL_DOORS
def test_a_cached_token_and_a_new_one_get_the_same_headers(door: Door, site: Any) -> None:
    asked = site(door)

    assert [said_of(answered(asked)) for _ in range(3)] == [OURS] * 3


@ALL_DOORS
def test_the_apps_own_words_are_joined(door: Door, site: Any) -> None:
    answer = answered(site(door), who(**SAID["max-age and a Vary"]))

    assert said_of(answer) == ("Accept, X-JWT-Assertion", "max-age=60, private")


@ALL_DOORS
@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_every_method_is_answered_so(door: Door, method: str, site: Any) -> None:
    """HEAD is kept as GET is, and 405 is kept by heuristics."""
    assert said_of(answered(site(door), method=method)) == OURS


@ALL_DOORS
@pytest.mark.parametrize("token", [None, "tampered", "expired"])
def test_a_refusal_is_stored_nowhere(door: Door, token: str | None, site: Any) -> None:
    assert said_of(answered(site(door), token=token)) == ("X-JWT-Assertion", "no-store")


@GUARDED_DOORS
@pytest.mark.parametrize("path", ["/denied", "/principal"])
def test_a_guards_refusal_is_stored_nowhere(door: Door, path: str, site: Any) -> None:
    token = "good" if path == "/denied" else None
    answer = answered(site(door, optional=True), path, token)

    assert answer.status in (401, 403)
    assert said_of(answer) == ("X-JWT-Assertion", "no-store")


def bare_shape(refusal: Refusal, _: Any) -> Refusal:
    return Refusal(refusal.status, (("Cache-Control", "max-age=600"),), b"no")


@ALL_DOORS
def test_a_refusal_of_the_apps_own_shape_is_stored_nowhere(door: Door, site: Any) -> None:
    for vary, named in ((True, "X-JWT-Assertion"), (False, None)):
        answer = answered(site(door, refuse=bare_shape, vary=vary), token=None)

        assert (answer.status, answer.body) == (401, b"no")
        assert said_of(answer) == (named, "no-store")


@GUARDED_DOORS
def test_a_guards_refusal_of_the_apps_own_shape_is_stored_nowhere(door: Door, site: Any) -> None:
    answer = answered(site(door, refuse=bare_shape), "/denied")

    assert (answer.status, answer.body) == (403, b"no")
    assert said_of(answer) == ("X-JWT-Assertion", "no-store")


@ALL_DOORS
def test_where_the_header_is_not_read_the_answer_does_not_depend_on_it(
    door: Door, site: Any
) -> None:
    asked = site(door, exempt=("/who",), cors_preflight="pass")

    assert said_of(answered(asked)) == (None, None)
    assert said_of(answered(asked, token=None)) == (None, None)
    assert said_of(answered(asked, "/files/a")) == OURS


@ALL_DOORS
def test_a_preflight_that_passes_does_not_depend_on_the_header(door: Door, site: Any) -> None:
    asked = site(door, cors_preflight="pass")
    answer = answered(asked, method="OPTIONS", headers=PREFLIGHT)

    assert answer.status == 200
    assert "X-JWT-Assertion" not in (answer.header("Vary") or "")


@ALL_DOORS
def test_vary_false_adds_neither(door: Door, site: Any) -> None:
    assert said_of(answered(site(door, vary=False))) == (None, None)
    path = who(**SAID["max-age and a Vary"])
    assert said_of(answered(site(door, vary=False), path)) == ("Accept", "max-age=60")


@GUARDED_DOORS
def test_a_path_that_nobody_serves_says_it_too(door: Door, site: Any) -> None:
    """404 is kept by heuristics; and which paths there are may be a caller's own."""
    answer = answered(site(door), "/nothing-here")

    assert answer.status == 404
    assert said_of(answer) == OURS


@pytest.mark.parametrize(
    "door", [door for door in DOORS if door.name in ("asgi", "starlette")], ids=lambda d: d.name
)
def test_a_websocket_is_left_as_it_is(door: Door, site: Any) -> None:
    shake = open_websocket(site(door).app, "/who", extensions=DENIAL)

    assert shake.denial is not None
    assert said_of(shake.denial) == (None, "no-store")
