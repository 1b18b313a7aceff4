"""Another gateway is data alone: how its tokens are read and spelled, and where its keys are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import jwt_middleware.wsgi
from jwt_middleware import Gateway, Verifier
from jwt_middleware.errors import InvalidClaim, TokenExpired
from jwt_middleware.gateways import ClaimNames, ListClaim, Mark, WireFormat
from jwt_middleware.testing import LocalGateway, SigningKey, TokenForm, mint, override

from ..adapters.apps import DOORS, Door

ACME = Gateway(
    name="acme-edge",
    header=("X-Acme-Identity", "X-Acme-Identity-Old"),
    writes_scheme=True,
    scheme="Acme",
    wire=WireFormat(relaxed_base64=True),
    algorithms=("ES384", "RS256"),
    names=ClaimNames(
        subject=("who.id",),
        client_id=("app",),
        roles=(ListClaim("who.groups"),),
        service=(Mark("kind", "machine"),),
    ),
    header_claims=("exp", "edge"),
    required={"edge": None, "kind": None},
    keys="{issuer}/keys",
    needs={"issuer": "the edge's URL", "audience": "the id of the site"},
    marks=(Mark("edge", "acme-.+"),),
)
FORM = TokenForm(
    preset=ACME,
    alphabet="urlsafe",
    padded=True,
    hex_x5t=None,
    kid="uuid",
    issued_at=True,
    claims={"iss": "https://edge.example.com", "aud": ["site-7"], "edge": "acme-1"},
    person={"kind": "human", "who": {"id": "{name}"}},
    service={"kind": "machine", "who": {}, "app": "{name}"},
    publishes={"/keys": "jwks-and-certificates", "/old-keys": "pem-map", "/keys/{kid}.pem": "pem"},
)


@pytest.fixture(scope="module")
def acme() -> Iterator[LocalGateway]:
    with LocalGateway(FORM) as gateway:
        yield gateway


def test_its_tokens_verify_for_people_and_services(acme: LocalGateway) -> None:
    verifier = Verifier(**acme.options)
    person = verifier.authenticate(
        [*acme.headers("portal", "ana", roles=["staff"]).values()],
    )
    service = verifier.verify(acme.assertion(service="crawler"))
    verifier.close()

    assert person is not None
    assert (person.kind, person.subject, person.client_id) == ("person", "ana", "portal")
    assert person.roles == {"staff"}
    assert (service.kind, service.subject, service.client_id) == ("service", None, "crawler")


def test_its_options_need_no_keys_as_they_follow_from_the_issuer(acme: LocalGateway) -> None:
    assert acme.options == {"gateway": ACME, "issuer": acme.origin, "audience": "site-7"}


@pytest.mark.parametrize("path", ["/old-keys", "/keys/{kid}.pem"])
def test_each_of_its_key_endpoints_is_one_that_keys_takes(acme: LocalGateway, path: str) -> None:
    verifier = Verifier(**acme.options, keys=acme.origin + path)

    assert verifier.verify(acme.assertion(user="ana")).subject == "ana"
    verifier.close()


def test_mint_needs_nothing_but_the_key() -> None:
    key = SigningKey(FORM.algorithm)
    options = {"gateway": ACME, "issuer": "https://edge.example.com", "audience": "site-7"}
    verifier = Verifier(keys=key.public_pem, **options)  # type: ignore[arg-type]

    assert verifier.verify(mint(key, FORM.person_claims("ana"), form=FORM)).subject == "ana"
    with pytest.raises(InvalidClaim):
        verifier.verify(mint(key, {"kind": "human"}, form=FORM, without=["edge"]))
    with pytest.raises(TokenExpired):
        verifier.verify(mint(key, {"kind": "human"}, form=FORM, lifetime=-60))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_door_takes_its_tokens(acme: LocalGateway, door: Door) -> None:
    app = door.build(acme.options)

    answer = door.ask(app, "GET", "/who", acme.headers("portal", "ana").items())
    assert answer.json() == {"subject": "ana", "client_id": "portal", "roles": []}
    challenge = door.ask(app, "GET", "/who").header("WWW-Authenticate")
    assert challenge is not None
    assert challenge.startswith('Acme realm="api"')


def test_an_app_of_it_is_overridden(acme: LocalGateway) -> None:
    def served(environ: object, start_response: object) -> list[bytes]:
        start_response("200 OK", [])  # type: ignore[operator]
        return [b"served"]

    options = {"issuer": "https://edge.example.com", "audience": "site-7"}
    app = jwt_middleware.wsgi.JWTMiddleware(served, gateway=ACME, **options)  # type: ignore[arg-type]
    door = next(each for each in DOORS if each.name == "wsgi")

    with override(app, acme):
        assert door.ask(app, "GET", "/", acme.headers().items()).status == 200
        assert door.ask(app, "GET", "/").status == 401
