"""Which issuer speaks for which client: with several, nothing but what an entry says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Issuer, Verifier
from jwt_middleware.authorization.clients import Clients, ClientTrust
from jwt_middleware.errors import BadSignature, ClientDisabled, ClientMismatch, ConfigurationError
from jwt_middleware.events.kinds import ClientsKept, ClientsLoaded, ConfigurationWarning
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.tools.cli import main
from jwt_middleware.verification.bound import SnapshotMaker
from jwt_middleware.verification.configured import issuer_verifiers_of

from ..authorization.test_registry import replaced, soon
from ..kit import Events
from .test_issuer import OLD_KEYS, Source

CAMPUS, PARTNER = "https://campus", "https://partner"


def issuers(campus: SigningKey, partner: SigningKey) -> list[Issuer]:
    return [
        Issuer(CAMPUS, keys=campus.public_pem, gateway="standard"),
        Issuer(PARTNER, keys=partner.public_pem, gateway="standard"),
    ]


def token(key: SigningKey, client_id: str, issuer: str) -> str:
    return mint(key, {"client_id": client_id, "iss": issuer}, form="standard")


def refused(clients: list[Client], **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Verifier(clients=ClientRegistry(clients), **options)
    return str(caught.value)


def bound(client_id: str, **trust: Any) -> Client:
    return Client(client_id, trust=ClientTrust(**trust))


def test_with_several_issuers_a_client_that_is_bound_to_none_is_an_error(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    clients = [Client("acme"), bound("globex", issuer=CAMPUS), Client("initech")]

    message = refused(clients, issuers=issuers(rsa_key, other_rsa_key))

    assert "acme, initech" in message
    assert "globex" not in message
    assert 'issuer = "ANY"' in message
    assert "ClientTrust(issuer=ANY)" in message


def test_several_issuers_of_one_key_are_several_issuers(rsa_key: SigningKey) -> None:
    options: dict[str, Any] = {
        "keys": rsa_key.public_pem,
        "issuer": [CAMPUS, PARTNER],
        "gateway": "standard",
    }

    assert "acme" in refused([Client("acme")], **options)
    assert "acme" in refused([bound("acme", algorithms="RS256")], **options)
    for trust in ({"issuer": CAMPUS}, {"issuer": ANY}, {"keys": rsa_key.certificate_pem}):
        Verifier(clients=ClientRegistry([bound("acme", **trust)]), **options)


def test_an_audience_or_algorithms_alone_name_no_issuer(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    for trust in ({}, {"audience": "me"}, {"algorithms": ("RS256",)}):
        assert "acme" in refused([bound("acme", **trust)], issuers=issuers(rsa_key, other_rsa_key))


def test_own_keys_beside_several_issuers_need_an_issuer(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    own = rsa_key.certificate_pem
    for trust in ({"keys": own}, {"issuer": "https://x"}, {"issuer": (CAMPUS, PARTNER)},
                  {"issuer": ANY, "audience": "me"}):  # fmt: skip
        message = refused([bound("acme", **trust)], issuers=issuers(rsa_key, other_rsa_key))
        assert message.startswith("clients.acme.trust: issuer")


def test_many_unbound_clients_make_no_endless_message(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    clients = [Client(f"client-{number:03}") for number in range(500)]

    message = refused(clients, issuers=issuers(rsa_key, other_rsa_key))

    assert "client-019 and 480 more" in message
    assert "client-020" not in message


def test_with_one_issuer_a_client_needs_no_binding(rsa_key: SigningKey) -> None:
    one = Issuer(CAMPUS, keys=rsa_key.public_pem, gateway="standard")
    flat: dict[str, Any] = {"keys": rsa_key.public_pem, "gateway": "standard"}
    for options in ({"issuers": [one]}, {**flat, "issuer": CAMPUS}, flat):
        found = Verifier(clients=ClientRegistry([Client("acme")]), **options)
        assert found.verify(token(rsa_key, "acme", CAMPUS)).client_id == "acme"


def test_a_client_that_is_switched_off_is_left_alone(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    registry = ClientRegistry([Client("acme", enabled=False), bound("globex", issuer=CAMPUS)])
    found = Verifier(issuers=issuers(rsa_key, other_rsa_key), clients=registry)

    with pytest.raises(ClientDisabled):
        found.verify(token(rsa_key, "acme", CAMPUS))


def test_for_a_client_of_any_issuer_each_of_them_speaks_and_nobody_else(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    registry = ClientRegistry([bound("acme", issuer=ANY), bound("globex", issuer=CAMPUS)])
    found = Verifier(issuers=issuers(rsa_key, other_rsa_key), clients=registry)

    found.verify(token(rsa_key, "acme", CAMPUS))
    found.verify(token(other_rsa_key, "acme", PARTNER))
    found.verify(token(rsa_key, "globex", CAMPUS))
    with pytest.raises(ClientMismatch):
        found.verify(token(other_rsa_key, "globex", PARTNER))
    with pytest.raises((BadSignature, ClientMismatch)):
        found.verify(token(other_rsa_key, "acme", CAMPUS))


def test_a_client_of_any_issuer_may_have_keys_of_its_own(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    own = SigningKey("RS256")
    registry = ClientRegistry([bound("acme", keys=own.public_pem, issuer=ANY)])
    found = Verifier(issuers=issuers(rsa_key, other_rsa_key), clients=registry, gateway="standard")

    for issuer in (CAMPUS, PARTNER):
        assert found.verify(token(own, "acme", issuer)).client_id == "acme"
    for key, issuer in ((rsa_key, CAMPUS), (other_rsa_key, PARTNER), (own, "https://other")):
        with pytest.raises(ClientMismatch):
            found.verify(token(key, "acme", issuer))


@pytest.mark.parametrize("issuer", ["ANY", ("ANY",), (CAMPUS, "ANY"), ["ANY"]])
def test_the_text_any_is_no_issuer_in_code(issuer: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"acme: trust: issuer: 'ANY' is a text"):
        bound("acme", issuer=issuer)
    bound("acme", issuer="https://COMPANY")


CAMPUS_ONLY = '[clients.acme]\n[clients.acme.trust]\nissuer = "https://campus"\n'


def test_a_registry_that_is_edited_into_an_unbound_client_keeps_its_last_good_reading(
    rsa_key: SigningKey,
    other_rsa_key: SigningKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jwt_middleware.background.watched_files.LOOK_EVERY", 0.0)
    path = tmp_path / "clients.toml"
    path.write_text(CAMPUS_ONLY)
    events = Events()
    registry = ClientRegistry(path)
    found = Verifier(issuers=issuers(rsa_key, other_rsa_key), clients=registry, listeners=[events])

    def known() -> list[str]:
        assert found.clients is not None
        return [client.client_id for client in found.clients]

    def kept() -> list[str]:
        return [event.reason for event in events if isinstance(event, ClientsKept)]

    replaced(path, CAMPUS_ONLY + "[clients.globex]\n")

    assert soon(lambda: known() != ["acme"] or bool(kept()))
    assert known() == ["acme"]
    assert "globex" in kept()[0]
    assert 'issuer = "ANY"' in kept()[0]


def test_the_check_command_says_what_any_means_and_refuses_what_is_unbound(
    rsa_key: SigningKey,
    other_rsa_key: SigningKey,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.pem").write_text(rsa_key.public_pem)
    (tmp_path / "b.pem").write_text(other_rsa_key.public_pem)
    options = tmp_path / "options.toml"
    options.write_text(
        'clients = "clients.toml"\n'
        '[[issuers]]\nissuer = "https://campus"\nkeys = "a.pem"\n'
        '[[issuers]]\nissuer = "https://partner"\nkeys = "b.pem"\n'
    )
    registry = tmp_path / "clients.toml"
    registry.write_text('[clients.acme.trust]\nissuer = "ANY"\n')
    for path in (options, registry):
        assert main(["check", str(path)]) == 0
        out = capsys.readouterr().out
        assert "acme (acme): nothing, of any issuer." in out
        assert "DANGER  acme: trust.issuer is ANY: every issuer can speak for it." in out

    registry.write_text("[clients.acme]\n")
    assert main(["check", str(options)]) == 2
    assert "acme: bound to no issuer" in capsys.readouterr().err


def test_any_stands_alone_in_a_registrys_list(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    path.write_text('[clients.acme.trust]\nissuer = ["ANY", "https://campus"]\n')

    with pytest.raises(ConfigurationError, match=r"clients\.acme\.trust\.issuer: 'ANY'"):
        ClientRegistry(path)


def test_two_clients_of_one_namespace_are_warned_of(tmp_path: Path, rsa_key: SigningKey) -> None:
    """Each may carry the other's roles."""
    told: list[Any] = []
    clients = [Client("a", namespace="acme"), Client("b", namespace="acme"), Client("c")]
    Verifier(
        keys=rsa_key.public_pem, clients=ClientRegistry(clients), listeners=[told.append], api="/x"
    )

    [warning] = [event for event in told if isinstance(event, ConfigurationWarning)]
    assert "the clients a, b share the namespace 'acme'" in warning.reason


@pytest.mark.parametrize("free, more", [(20, None), (21, "1 more"), (50, "30 more")])
def test_at_most_twenty_clients_are_named_that_are_bound_to_no_issuer(
    free: int, more: str | None, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    clients = [Client(f"c{number:02}") for number in range(free)]
    told = refused(clients, issuers=issuers(rsa_key, other_rsa_key))

    assert [f"c{number:02}" in told for number in range(free)] == [n < 20 for n in range(free)]
    assert ("more" in told.partition(": bound")[0]) == (more is not None)
    assert more is None or more in told


class Closed(Source):
    """A source that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_clients_keys_go_on_while_its_entry_stays_and_are_closed_when_it_changes() -> None:
    gateway, one, two = (Closed(OLD_KEYS) for _ in range(3))
    verifiers = issuer_verifiers_of({"keys": gateway}, lambda event: None, time.time)
    maker = SnapshotMaker(verifiers, lambda event: None, lambda: None)
    before = maker.make(Clients([bound("b", keys=one)]))
    after = maker.make(Clients([Client("a"), Client("b", name="B", trust=ClientTrust(one))]))
    assert after.bound["b"] is before.bound["b"]
    assert one.closed == 0

    changed = maker.make(Clients([bound("b", keys=two)]))
    assert changed.bound["b"] is not before.bound["b"]
    maker.make(Clients([Client("b")]))
    assert (one.closed, two.closed, gateway.closed) == (1, 1, 0)


def test_an_edit_that_fails_without_a_word_is_named_by_its_error(rsa_key: SigningKey) -> None:
    events = Events()
    changes: list[Any] = []

    class Registry(ClientRegistry):
        def watch(self, prepare: Any, on_change: Any) -> Any:
            changes.append(on_change)
            return super().watch(prepare, on_change)

    verifier = Verifier(
        keys=rsa_key.public_pem,
        api="/echo",
        clients=Registry([Client("acme")]),
        listeners=[events],
    )
    [changed] = changes
    changed(RecursionError())

    [kept] = events.of(ClientsKept)
    assert kept.reason == "RecursionError"
    verifier.close()


def test_clients_that_are_bound_without_keys_of_their_own_share_the_issuers(
    rsa_key: SigningKey,
) -> None:
    verifier = Verifier(
        keys=rsa_key.public_pem,
        gateway="standard",
        issuer=[CAMPUS, PARTNER],
        clients=ClientRegistry([bound("acme", issuer=CAMPUS), bound("globex", issuer=PARTNER)]),
    )

    assert len(verifier.health()["sources"]) == 1


def test_the_issuers_keys_go_on_when_a_client_that_shared_them_is_gone() -> None:
    gateway = Closed(OLD_KEYS)
    common: Any = {"keys": gateway, "issuer": [CAMPUS, PARTNER]}
    verifiers = issuer_verifiers_of(common, lambda _: None, time.time)
    maker = SnapshotMaker(verifiers, lambda _: None, lambda: None)
    maker.make(Clients([bound("acme", issuer=CAMPUS)]))
    maker.make(Clients([bound("globex", issuer=PARTNER)]))

    assert gateway.closed == 0


def test_a_reading_is_announced_with_how_many_clients_it_has(rsa_key: SigningKey) -> None:
    events = Events()
    registry = ClientRegistry([Client("acme"), Client("globex")])
    Verifier(keys=rsa_key.public_pem, api="/echo", clients=registry, listeners=[events])

    loaded = events.of(ClientsLoaded)
    assert loaded == [ClientsLoaded("clients", 2)]


def test_beside_a_strict_gateway_a_padded_token_finds_its_issuer(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    verifier = Verifier(
        issuers=[
            Issuer(PARTNER, keys=other_rsa_key.public_pem, gateway="standard"),
            Issuer(CAMPUS, keys=rsa_key.public_pem, gateway="wso2"),
        ]
    )
    padded = mint(rsa_key, {"iss": CAMPUS, "sub": "ana"}, form="wso2-2.6")

    assert verifier.verify(padded).subject == "ana"
