"""What verifying leaves behind: nothing that grows, leaks or can be changed."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from jwt_middleware import Client, ClientRegistry, Verifier, asgi, wsgi
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import MalformedToken, RequestError, TokenTooLarge
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.principal import ReadOnlyDict
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

NOW = 1_479_409_651
KEY, OTHER = SigningKey("ES256"), SigningKey("ES256")
BOUND = SigningKey("ES256", key_id="bound")


def verifier_of(keys: Any = KEY.public_pem, **options: Any) -> Verifier:
    return Verifier(keys=keys, algorithms="ES256", clock=lambda: NOW, **options)


def token(key: SigningKey = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    return mint(key, claims, form="standard", now=NOW, header=header)


# Principals.


def assert_read_only(value: Any) -> None:
    assert isinstance(value, ReadOnlyDict) or not isinstance(value, dict | list | set | bytearray)
    if isinstance(value, Mapping):
        for name, item in value.items():
            with pytest.raises(TypeError):
                value[name] = None  # type: ignore[index]
            assert_read_only(item)
    elif isinstance(value, tuple):
        for item in value:
            assert_read_only(item)


@pytest.mark.parametrize("cache_size", [0, 16])
def test_a_principal_is_read_only_at_any_depth_and_its_claims_are_one_object(
    cache_size: int,
) -> None:
    verifier = verifier_of(cache_size=cache_size)
    claims = {"sub": "a", "x": {"y": [1, {"z": ["a"]}], "w": {}}, "groups": ["a", "b"], "n": None}
    text = token(**claims)
    for _ in range(2):
        principal = verifier.verify(text)
        assert principal.claims is principal.claims
        assert_read_only(principal.claims)
        for name in ("claims", "roles", "_values", "_claims", "new"):
            with pytest.raises(AttributeError):
                setattr(principal, name, {})
            with pytest.raises(AttributeError):
                delattr(principal, name)
        for kept in (principal.roles, principal.permissions):
            assert isinstance(kept, frozenset)
        for kept in (principal.attributes, principal.policies):
            assert_read_only(kept)
    assert verifier.verify(text).claims["x"]["y"][1]["z"] == ("a",)


def test_what_an_entry_grants_of_a_list_is_read_only() -> None:
    from jwt_middleware.authorization.clients import Attribute

    clients = [Client("c", attributes={"units": Attribute("units", type="list")})]
    verifier = verifier_of(gateway="standard", clients=ClientRegistry(clients))
    principal = verifier.verify(token(client_id="c", units=["a", "b"]))

    assert principal.attributes == {"units": ("a", "b")}
    assert_read_only(principal.attributes)


# Refusals.


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Let the collector see only what is made from now on, whatever earlier tests have left."""
    gc.disable()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.enable()


def _bound() -> Verifier:
    clients = [Client("own", trust=ClientTrust(BOUND.jwks())), Client("plain")]
    return verifier_of(gateway="standard", clients=ClientRegistry(clients))


def _published(answers: bool) -> Callable[[], Verifier]:
    def fetch(url: str) -> bytes:
        if not answers:
            raise ConnectionError
        return b'{"keys":[%s]}' % str(BOUND.jwk()).replace("'", '"').encode()

    return lambda: verifier_of(JWKSEndpoint("https://g/jwks", fetch=fetch))


GOOD = token(sub="a")
REFUSED: dict[str, tuple[Callable[[], Verifier], Any]] = {
    "malformed": (verifier_of, lambda n: "x"),
    "empty": (verifier_of, lambda n: ""),
    "not ascii": (verifier_of, lambda n: "é"),
    "too large": (verifier_of, lambda n: b"a" * 20_000),
    "no base64": (verifier_of, lambda n: "!" + GOOD),
    "no json": (verifier_of, lambda n: "AAAA.AAAA.AAAA"),
    "two tokens": (verifier_of, lambda n: f"{GOOD},{GOOD}"),
    "a comma": (verifier_of, lambda n: GOOD + ","),
    "a blank": (verifier_of, lambda n: GOOD + " x"),
    "a prefix": (verifier_of, lambda n: "Bearer " + GOOD),
    "bad signature": (verifier_of, lambda n: GOOD[:-4] + "AAAA"),
    "bad algorithm": (verifier_of, lambda n: token(header={"alg": "none"})),
    "critical": (verifier_of, lambda n: token(header={"crit": ["x"]})),
    "expired": (verifier_of, lambda n: token(exp=1)),
    "immature": (verifier_of, lambda n: token(nbf=NOW + 900)),
    "invalid claim": (verifier_of, lambda n: token(iss=5)),
    "unknown client": (_bound, lambda n: token(client_id="x")),
    "another's key": (_bound, lambda n: token(client_id="own")),
    "forged": (_bound, lambda n: token(OTHER, client_id="own")),
    "unknown kid": (_published(True), lambda n: token(OTHER, header={"kid": f"k{n}"})),
    "no keys": (_published(False), lambda n: token(OTHER, header={"kid": f"k{n}"})),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_leaves_nothing_for_the_collector(case: str) -> None:
    """A cycle would hold the refused value, and make a flood of refusals dear."""
    make, raw = REFUSED[case]
    verifier = make()

    def refuse(number: int) -> None:
        try:
            verifier.verify(raw(number))
        except RequestError:
            return
        pytest.fail("it is let in")

    refuse(0)  # what is made once may leave what it likes
    with only_new_garbage():
        for number in range(1, 11):
            refuse(number)
        assert gc.collect() < 10


def _asked_by_asgi(verifier: Verifier) -> Callable[[str | None], None]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Answer nothing."""

    door: Any = asgi.JWTMiddleware(app, verifier=verifier)

    async def receive() -> Any:
        """Receive nothing."""

    async def send(message: Any) -> None:
        """Send it to nobody."""

    def ask(value: str | None) -> None:
        lines = [] if value is None else [(b"x-jwt-assertion", value.encode("latin-1"))]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": lines}
        with pytest.raises(StopIteration):
            door(scope, receive, send).send(None)  # nothing here waits, so it needs no loop

    return ask


def _asked_by_wsgi(verifier: Verifier) -> Callable[[str | None], None]:
    door: Any = wsgi.JWTMiddleware(lambda *_: [], verifier=verifier)

    def ask(value: str | None) -> None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
        lines = {} if value is None else {"HTTP_X_JWT_ASSERTION": value}
        door(environ | lines, lambda *_: None)

    return ask


@pytest.mark.parametrize("value", [None, GOOD, "", "x", GOOD[:-4] + "AAAA", GOOD + ","])
@pytest.mark.parametrize("door", [_asked_by_asgi, _asked_by_wsgi], ids=["asgi", "wsgi"])
@pytest.mark.parametrize("listeners", [(), (lambda event: None,)], ids=["silent", "recorded"])
def test_no_door_leaves_anything_for_the_collector(
    listeners: Any, door: Any, value: str | None
) -> None:
    ask = door(verifier_of(listeners=listeners))
    ask(value)
    with only_new_garbage():
        for _ in range(10):
            ask(value)
        assert gc.collect() < 10


def _sizes(verifier: Verifier) -> list[int]:
    issuer = verifier.issuers[0]
    keys = issuer.keys.current()
    assert keys is not None
    return [
        len(verifier._cache),
        len(verifier._cache._values),
        len(issuer.remembered),
        len(keys._fitting),
    ]


def test_many_refused_tokens_make_no_table_grow() -> None:
    verifier = verifier_of()
    verifier.verify(GOOD)
    head, payload, signature = GOOD.split(".")
    before = _sizes(verifier)
    for number in range(1_000):
        for raw in (
            token(OTHER, header={"kid": f"k{number}"}, sub=f"s{number}"),
            f"{head}.{payload}.{number:086d}",
            f"{head}.{payload}{number:04d}.{signature}",
            f"{head}{number:04d}.{payload}.{signature}",
            f"x{number}",
        ):
            with pytest.raises(RequestError):
                verifier.verify(raw)
    assert _sizes(verifier) == before


def test_a_kept_token_takes_little_more_memory_than_itself() -> None:
    verifier = verifier_of(cache_size=200)
    texts = [mint(KEY, ucsd_claims(eid=str(n)), now=NOW).encode() for n in range(400)]
    verifier.verify(texts[0])
    tracemalloc.start()
    try:
        for text in texts:
            assert verifier.verify(bytes(bytearray(text))).roles
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(verifier._cache) == 200
    assert size / 200 < len(texts[0]) + 6_000


@pytest.mark.parametrize("raw", [b"a" * 8_000_000, "a" * 8_000_000], ids=["bytes", "str"])
def test_refusing_an_oversized_value_makes_no_copy_of_it(raw: Any) -> None:
    verifier = verifier_of()
    tracemalloc.start()
    try:
        with pytest.raises(TokenTooLarge):
            verifier.verify(raw)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


def _undo(value: int, shift: int, mask: int) -> int:
    """Undo one step of the Mersenne Twister's tempering; a negative shift is to the left."""
    found = value
    for _ in range(32):
        moved = found >> shift if shift > 0 else found << -shift
        found = value ^ (moved & mask)
    return found & 0xFFFFFFFF


def test_references_do_not_give_the_applications_random_numbers_away() -> None:
    """Anybody may gather refusals; 312 of them are the whole state of a Mersenne Twister."""
    words: list[int] = []
    for _ in range(312):
        number = int(MalformedToken().reference, 16)
        words += [number & 0xFFFFFFFF, number >> 32]
    for shift, mask in ((18, -1), (-15, 0xEFC60000), (-7, 0x9D2C5680), (11, -1)):
        words = [_undo(word, shift, mask) for word in words]
    guess = random.Random()
    guess.setstate((3, (*words, 624), None))

    assert [guess.random() for _ in range(4)] != [random.random() for _ in range(4)]


def test_references_do_not_repeat_with_the_applications_seed() -> None:
    kept = random.getstate()
    try:
        found = set()
        for _ in range(4):
            random.seed(5)
            found.add(MalformedToken().reference)
    finally:
        random.setstate(kept)
    assert len(found) == 4
