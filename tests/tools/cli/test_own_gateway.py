"""A gateway of one's own, as data in a module: its tokens are made, explained and signed."""

from __future__ import annotations

import importlib
from pathlib import Path

import httpx2
import pytest

from jwt_middleware import Verifier

from .conftest import Run, Running

MODULE = """
from jwt_middleware import Gateway
from jwt_middleware.gateways import ClaimNames, ListClaim, Mark
from jwt_middleware.testing import TokenForm

edge = Gateway(
    name="edge",
    title="Acme Edge",
    header="X-Edge-Assertion",
    algorithms=("ES256",),
    names=ClaimNames(
        subject=("user.id",),
        client_id=("app",),
        roles=(ListClaim("user.groups"),),
        service=(Mark("typ", "robot"),),
    ),
    required={"zone": "inner"},
    keys="{issuer}/keys.json",
    needs={"issuer": "its address", "audience": "your app's name, in its dashboard"},
    terms={"aud": "the app's name"},
    marks=(Mark("zone", "inner"),),
)
FORM = TokenForm(
    preset=edge,
    alphabet="urlsafe",
    padded=False,
    hex_x5t=None,
    kid="hex",
    issued_at=True,
    claims={"iss": "https://edge.example.com", "aud": "shop", "zone": "inner"},
    person={"user": {"id": "{name}"}},
    service={"typ": "robot", "app": "{name}"},
    publishes={"/keys.json": "jwks"},
)
"""


@pytest.fixture(autouse=True)
def module(folder: Path) -> None:
    (folder / "own_edge.py").write_text(MODULE)


def test_a_token_is_minted_and_explained_in_its_own_words(command: Run, folder: Path) -> None:
    made = command("mint", "--form", "own_edge:FORM", "--as", "ana", "--key", "k.pem", "--make-key")
    (folder / "token.txt").write_text(made.out)
    options = ["--gateway", "own_edge:edge", "--keys", "k.crt"]
    options += ["--issuer", "https://edge.example.com", "token.txt"]

    good = command("verify", "--audience", "shop", *options)
    assert (good.status, "ana" in good.out) == (0, True)
    told = command("inspect", "--audience", "other", *options)
    assert told.status == 1
    assert "the claim aud is 'shop'; audience=other is required; aud is the app's name" in told.out
    assert "it is your app's name, in its dashboard." in told.out


@pytest.mark.parametrize(
    ("caller", "who"),
    [
        (["--as", "ana", "--role", "staff"], ("ana", None, "person")),
        (["--service", "robot"], (None, "robot", "service")),
    ],
)
def test_the_gateway_signs_with_it_and_the_inspector_has_it(
    running: Running, caller: list[str], who: tuple[str | None, str | None, str]
) -> None:
    with running(
        *("gateway", "--port", "0", "--upstream", "http://127.0.0.1:9"),
        *("--form", "own_edge:FORM", *caller),
    ) as (url, told):
        options = f"gateway=own_edge.FORM.gateway, issuer={url!r}, audience='shop'"
        assert f"your app:  {options}\n" in told
        echo = httpx2.get(f"{url}/echo/1.0.0").json()
        choices = httpx2.get(f"{url}/_inspector/choices").json()
        sample = httpx2.post(f"{url}/_inspector/sample", json={}).json()
        found = httpx2.post(f"{url}/_inspector/inspect", json=sample).json()
        own = importlib.import_module("own_edge").edge
        verifier = Verifier(gateway=own, issuer=url, audience="shop")
        principal = verifier.verify(echo["headers"]["x-edge-assertion"])
        verifier.close()

    assert (principal.subject, principal.client_id, principal.kind) == who
    assert principal.roles == ({"staff"} if who[0] else frozenset())
    assert choices["form"] == "edge"
    assert {"id": "edge", "preset": "edge"} in choices["forms"]
    assert (found["code"], found["facts"]["gateway"]) == ("accepted", "Acme Edge")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("own_edge:edge", "own_edge:edge is a Gateway; a TokenForm is wanted"),
        ("own_edge:FROM", "own_edge has no 'FROM'; did you mean 'FORM'?"),
        ("own_edge:", "write module:FORM, such as main:FORM"),
        ("nowhere:FORM", "there is no module nowhere"),
    ],
)
def test_what_is_no_form_is_named(command: Run, form: str, text: str) -> None:
    said = command("mint", "--form", form, "--key", "k.pem", "--make-key")

    assert said.status == 2
    assert text in said.err


def test_what_is_no_gateway_is_named(command: Run) -> None:
    said = command("inspect", "--gateway", "own_edge:FORM")

    assert said.status == 2
    assert "gateway: a preset's name" in said.err
    assert "not a TokenForm" in said.err
