"""The registry changes: tokens of the clients that changed are judged anew, and no others."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Revocations, Verifier
from jwt_middleware.authorization.client import Attribute, ClientTrust
from jwt_middleware.authorization.clients import Clients
from jwt_middleware.errors import ClientDisabled, ClientMismatch, RequestError, TokenRevoked
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import SigningKey, mint

from ..kit import Events


class Edited(ClientRegistry):
    """A registry whose next reading a test makes."""

    def watch(self, prepare: Any, on_change: Any) -> Any:
        self._tell = prepare, on_change
        self.reading = prepare(self.clients)
        return lambda: self.reading

    def edit(self, *clients: Client) -> None:
        prepare, on_change = self._tell
        self._take(clients)
        self.reading = prepare(self._newest)
        on_change(self.reading)


ACME = Client(
    "acme",
    namespace="acme",
    roles=("roles",),
    attributes={"level": Attribute("level", namespaced=True)},
)
GLOBEX = Client("globex", namespace="globex", roles=("roles",))
FREE = Client("free", roles=("roles",))


class Service:
    """A verifier of three clients, and a token of each that was verified before."""

    def __init__(self, key: SigningKey, **options: Any) -> None:
        self.key = key
        self.registry = Edited([ACME, GLOBEX, FREE])
        self.events = Events()
        self.verifier = Verifier(
            keys=key.public_pem,
            gateway="standard",
            clients=self.registry,
            listeners=[self.events],
            **options,
        )
        self.tokens = {
            "acme": self.token("acme", roles=["acme_x"], level="acme_1"),
            "globex": self.token("globex", roles=["globex_x"]),
            "free": self.token("free", roles=["initech_x", "plain"]),
        }
        for token in self.tokens.values():
            self.verifier.verify(token)

    def token(self, client_id: str, **claims: Any) -> str:
        return mint(self.key, {"client_id": client_id, **claims}, form="standard")

    def verified_anew(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Verify each token once more; return the clients whose signature was checked again."""
        anew: set[str] = set()
        for name, token in self.tokens.items():
            issuer = self.verifier.issuers[0]
            verify = type(issuer).verify

            def counted(self: Any, *given: Any, name: str = name, verify: Any = verify) -> Any:
                anew.add(name)
                return verify(self, *given)

            with monkeypatch.context() as patched:
                patched.setattr(type(issuer), "verify", counted)
                try:
                    self.verifier.verify(token)
                except RequestError:
                    anew.add(name)
        return anew


EDITS: dict[str, tuple[list[Client], set[str]]] = {
    "nothing": ([ACME, GLOBEX, FREE], set()),
    "equal entries": ([Client("free", roles=("roles",)), GLOBEX, ACME], set()),
    "one changes": ([ACME, Client("globex", namespace="globex"), FREE], {"globex"}),
    "one is switched off": (
        [Client("acme", namespace="acme", enabled=False), GLOBEX, FREE],
        {"acme"},
    ),
    "one goes": ([ACME, FREE], {"globex"}),
    "one comes": ([ACME, GLOBEX, FREE, Client("new", namespace="umbrella")], set()),
    "one comes whose namespace a token carries": (
        [ACME, GLOBEX, FREE, Client("new", namespace="initech")],
        {"free"},
    ),
    "one is bound": ([ACME, Client("globex", trust=ClientTrust(audience="me")), FREE], {"globex"}),
}


@pytest.mark.parametrize(("clients", "changed"), EDITS.values(), ids=EDITS)
def test_the_tokens_of_the_clients_that_changed_are_verified_anew_and_no_others(
    clients: list[Client],
    changed: set[str],
    rsa_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service(rsa_key)
    service.registry.edit(*clients)

    assert service.verified_anew(monkeypatch) == changed
    assert service.verified_anew(monkeypatch) <= {"globex", "acme"}  # those that are refused


def test_new_grants_hold_for_a_token_that_was_verified_before(rsa_key: SigningKey) -> None:
    service = Service(rsa_key)
    assert service.verifier.verify(service.tokens["free"]).roles == {"initech_x", "plain"}
    service.registry.edit(ACME, GLOBEX, FREE, Client("new", namespace="initech"))
    assert service.verifier.verify(service.tokens["free"]).roles == {"plain"}
    service.registry.edit(ACME, GLOBEX, FREE)

    assert service.verifier.verify(service.tokens["free"]).roles == {"initech_x", "plain"}


def test_a_client_that_is_bound_now_has_no_more_tokens_of_others(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    service = Service(rsa_key)
    bound = Client("globex", trust=ClientTrust(keys=other_rsa_key.public_pem, issuer=ANY))
    service.registry.edit(ACME, bound, FREE)

    with pytest.raises(ClientMismatch):
        service.verifier.verify(service.tokens["globex"])
    service.registry.edit(ACME, GLOBEX, FREE)
    assert service.verifier.verify(service.tokens["globex"]).roles == {"globex_x"}


def test_the_deny_list_counts_after_any_change_of_the_registry(rsa_key: SigningKey) -> None:
    service = Service(rsa_key, revocations=Revocations("process-memory"))
    service.registry.edit(ACME, GLOBEX, FREE, Client("new"))
    assert service.verifier.revocations is not None
    service.verifier.revocations.deny(Denial(client_id="acme"))
    service.registry.edit(ACME, GLOBEX, FREE)

    with pytest.raises(TokenRevoked):
        service.verifier.verify(service.tokens["acme"])
    assert service.verifier.verify(service.tokens["free"]).client_id == "free"


def test_a_token_that_was_refused_is_accepted_when_its_client_is_back(rsa_key: SigningKey) -> None:
    service = Service(rsa_key)
    service.registry.edit(Client("acme", enabled=False), GLOBEX, FREE)
    with pytest.raises(ClientDisabled):
        service.verifier.verify(service.tokens["acme"])
    service.registry.edit(ACME, GLOBEX, FREE)

    assert service.verifier.verify(service.tokens["acme"]).attributes == {"level": "acme_1"}


def test_cached_tokens_keep_no_old_reading_alive(rsa_key: SigningKey) -> None:
    service = Service(rsa_key)
    old: list[Any] = []
    for number in range(5):
        old.append(weakref.ref(service.registry.reading.clients))
        service.registry.edit(ACME, GLOBEX, FREE, Client(f"new{number}"))
        service.verifier.verify(service.tokens["acme"])  # the others are not asked for again
    service.registry.clients = service.registry._newest
    gc.collect()

    assert [each() for each in old] == [None] * 5


def test_only_the_verifiers_of_clients_that_changed_are_made_anew(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    def bound(name: str, audience: str) -> Client:
        return Client(name, trust=ClientTrust(other_rsa_key.public_pem, ANY, audience))

    service = Service(rsa_key)
    service.registry.edit(bound("acme", "one"), bound("globex", "one"), FREE)
    before = dict(service.registry.reading.bound)
    service.registry.edit(bound("acme", "one"), bound("globex", "two"), FREE)
    after = dict(service.registry.reading.bound)
    service.registry.edit(bound("acme", "one"), FREE)

    assert after["acme"] is before["acme"]
    assert after["globex"] is not before["globex"]
    assert dict(service.registry.reading.bound) == {"acme": before["acme"]}


def test_a_reading_that_skips_one_is_compared_whole(rsa_key: SigningKey) -> None:
    """A reading in between may have been refused, as by a file of keys that it names."""
    service = Service(rsa_key)
    bound = Client("globex", trust=ClientTrust(audience="me", issuer=ANY))
    service.registry._take([ACME, bound, FREE])  # nobody is told of it
    service.registry.edit(ACME, bound, Client("free"))
    assert set(service.registry.reading.bound) == {"globex"}
    service.registry._take([ACME, FREE])
    service.registry.edit(ACME, Client("free"))

    assert set(service.registry.reading.bound) == set()


def test_the_namespaces_of_a_reading_are_those_of_its_clients() -> None:
    shared = Client("other", namespace="acme")
    first = Clients([ACME, GLOBEX, shared])
    by_id = {"acme": Client("acme", namespace="new"), "globex": GLOBEX, "other": shared}
    second = first.renewed(by_id, ["acme"])
    third = second.renewed({"acme": by_id["acme"]}, ["globex", "other"])

    assert [set(each.namespaces) for each in (first, second, third)] == [
        {"acme", "globex"},
        {"acme", "globex", "new"},
        {"new"},
    ]
    assert first.shared_namespaces() == {"acme": ["acme", "other"]}
    assert first.shared_namespaces(["globex"]) == {}
    assert second.shared_namespaces() == {}
    assert [len(each) for each in (first, second, third)] == [3, 3, 1]
