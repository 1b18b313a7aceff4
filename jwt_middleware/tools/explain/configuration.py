"""What a configuration means, in words, with its dangers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import NamedTuple

from ...authorization.client import Client
from ...authorization.clients import Clients
from ...authorization.terms import terms_of
from ...middleware.settings import Settings
from ...options.checks import AnyAudience
from ...principal import written
from ...revocation.urls import is_missing_file
from ...verification.issuer import IssuerVerifier
from .keys import wait_for_keys
from .times import count

_LONG_LEEWAY = 60
"""Seconds. The clocks of one site differ by less, and an expired token lives on as long."""
_UNGUARDED = {
    "allow": "Routes without a guard are served.",
    "warn": "Routes without a guard are served, with a warning at start-up.",
    "refuse": "The app does not start while a route has no guard.",
}


class Report(NamedTuple):
    """What a configuration means, what it grants to each client, and its dangers: lines of text.

    ``outages``: what it needs and cannot be had now.
    """

    meaning: list[str]
    clients: list[str]
    dangers: list[str]
    outages: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return all of it for a terminal."""
        clients = [f"  {line}" for line in self.clients]
        dangers = [f"  DANGER  {line}" for line in self.dangers]
        return self.meaning + clients + dangers + [f"  OUT     {line}" for line in self.outages]


def explain_settings(settings: Settings) -> Report:
    """Explain a middleware's options, and the registry that they name; fetch the keys once."""
    wait_for_keys(issuer.keys.source for issuer in settings.verifier.issuers)
    clients = settings.verifier.clients
    registry = Report([], [], []) if clients is None else explain_clients(clients)
    dangers = [*_dangers(settings), *registry.dangers]
    return Report([*_meaning(settings)], registry.clients, dangers, [*_outages(settings)])


def explain_clients(clients: Clients) -> Report:
    """Explain a registry on its own."""
    meaning = [
        f"{clients.source}: {count(len(clients), 'client')}.",
        "This file does not say which issuers the app trusts: check the app's options as well.",
    ]
    return Report(meaning, [*map(_client, clients)], [*_client_dangers(clients)])


def _meaning(settings: Settings) -> Iterator[str]:
    verifier = settings.verifier
    names = " or ".join(settings.headers)
    gateway = settings.verifier.gateway
    what = f"{gateway.scheme} and the token" if gateway.writes_scheme else "the token alone"
    yield f"The header is {names}; a request has one line of it, with {what}."
    for issuer in verifier.issuers:
        yield from _issuer(issuer)
    policy = verifier.issuers[0].policy
    yield f"Clocks may differ by {policy.leeway:g} s."
    if policy.max_age is not None:
        yield f"A token is refused {policy.max_age:g} s after it was issued (iat)."
    if settings.optional:
        where = ", everywhere" if settings.optional is True else f" on {settings.optional}"
        yield f"A request without the header passes without a principal{where}."
    if settings.exempt:
        yield f"The header is not read on {settings.exempt}."
    if settings.resource is not None:
        servers = " or ".join(settings.resource.document.get("authorization_servers", ()))
        yield (
            f"Anybody may read {settings.resource.url}, which every challenge names. It sends "
            f"clients of {settings.resource.resource} to {servers or 'no authorization server'}."
        )
    if settings.varies:
        yield (
            f"Answers carry Vary: {', '.join(settings.headers)}, and Cache-Control: private "
            "unless the app's "
            "own says otherwise."
        )
    if settings.authorize is not None:
        yield f"Every request with a principal must satisfy {settings.authorize!r}."
    if verifier.clients is not None:
        known = count(len(verifier.clients), "client")
        yield f"{verifier.clients.source} names {known}; any other client is refused (403)."
    if verifier.revocations is not None:
        health = verifier.revocations.health()
        known = f"{count(health['denials'], 'denial')} in force"
        if "last_error" in health:
            known = "the store is out now"
        elif is_missing_file(health["store"]):
            known = "there is no such file yet; a service makes it when it starts"
        yield f"Tokens that {health['store']} denies are refused ({known})."
        if health["fail"] == "closed":
            yield "While that store is out, every token is refused (503)."
        if health["one_time"]:
            yield "Each token counts once; every request asks the store."
    yield _UNGUARDED[settings.unguarded]


def _issuer(issuer: IssuerVerifier) -> Iterator[str]:
    policy = issuer.policy
    whose = f" of {' or '.join(policy.issuers)}" if policy.issuers else ""
    keys = issuer.keys.current()
    known = "none are known" if keys is None else f"{len(keys)} known"
    yield (
        f"Tokens{whose} in the form of {issuer.gateway.name} verify by "
        f"{', '.join(issuer.algorithms)} under the keys of {issuer.keys.source.name} ({known})."
    )
    if isinstance(policy.audiences, AnyAudience):
        yield "Their audience may be any."
    elif policy.audiences:
        yield f"They must be for the audience {' or '.join(policy.audiences)}."
    if policy.contexts:
        yield f"They must be for the API {' or '.join(policy.contexts)}."
    for name, values in policy.required.items():
        wanted = "any value" if values is None else " or ".join(sorted(values))
        yield f"Their {written(name)} must be there, with {wanted}."


def _outages(settings: Settings) -> Iterator[str]:
    verifier = settings.verifier
    for issuer in verifier.issuers:
        for source in issuer.keys.health():
            if not source.get("keys") and source.get("last_error"):
                yield (
                    f"There are no keys of {source['source']}, and tokens under them are refused "
                    f"(503). The last fetch failed: {source['last_error']}."
                )
    health = {} if verifier.revocations is None else verifier.revocations.health()
    if "last_error" in health:
        yield f"The store of revocations cannot be read: {health['last_error']}."


def _dangers(settings: Settings) -> Iterator[str]:
    verifier = settings.verifier
    for issuer in verifier.issuers:
        yield from _issuer_dangers(issuer)
    asked = () if settings.authorize is None else terms_of(settings.authorize)
    by_key_type = any("key_type" in t.written or "keytype" in t.written for t in asked)
    if not by_key_type and any(issuer.gateway.context_claim for issuer in verifier.issuers):
        yield (
            "WSO2 signs sandbox and production tokens with the same keys. If anybody may use the "
            "sandbox, set authorize=(WSO2.key_type == 'PRODUCTION')."
        )
    policy = verifier.issuers[0].policy
    if policy.leeway > _LONG_LEEWAY:
        yield f"leeway={policy.leeway:g}: an expired token lives on as long. 30 s is usual."
    if policy.max_age is None:
        yield "No max_age: a token lives as long as its own exp says, be it years."
    health = {} if verifier.revocations is None else verifier.revocations.health()
    if health.get("fail") == "open":
        yield (
            "revocations, fail='open': while the store is out, tokens that are denied meanwhile "
            "are accepted" + (", and used ones too." if health["one_time"] else ".")
        )
    if health.get("store") == "process-memory":
        yield (
            "revocations='process-memory': what one worker denies, no other worker and no command "
            "knows. Use sqlite:///file or redis://."
        )
    if settings.optional is True:
        yield "optional=True: a route without requires(...) serves anybody. Name paths, or guards."
    if not settings.varies:
        yield (
            "vary=False: a cache may give one caller's answer to another. Leave it out, or set "
            "Vary and Cache-Control: private in the app."
        )
    if settings.authorize is not None:
        yield from (f"authorize: {each}" for each in settings.held_by_nobody(settings.authorize))
    if settings.unguarded == "allow":
        yield "unguarded='allow': a forgotten route serves every caller with a good token."
    if [*metadata.Distribution.discover(name="jwt-middleware")]:
        yield (
            "The distribution jwt-middleware is installed. It is another project's and has the "
            "same import name: uninstall it."
        )


def _issuer_dangers(issuer: IssuerVerifier) -> Iterator[str]:
    policy, rules = issuer.policy, issuer.keys.rules
    is_wso2 = bool(issuer.gateway.context_claim)
    if is_wso2 and not policy.contexts:
        yield (
            "WSO2 tokens carry no aud: without api=, a token minted for any other API of that "
            "gateway is accepted. Set api='/your/context'."
        )
    if isinstance(policy.audiences, AnyAudience):
        yield "audience=ANY: a token meant for another service is accepted. Name yours."
    elif not is_wso2 and not policy.audiences and "signer" not in policy.required:
        yield (
            "No audience is configured: a token without aud, made for another service, is "
            "accepted. Set audience=."
        )
    if rules.minimum_rsa_bits < 2048:
        yield f"RSA keys of {rules.minimum_rsa_bits} bits are accepted; less than 2048 is unsafe."
    if rules.allow_wso2_default_keys:
        yield "allow_wso2_default_keys: anybody can sign with WSO2's default keys. Tests only."


def _client(client: Client) -> str:
    granted = {
        "roles from": [written(name) for name, _ in client.roles],
        "permissions from": [written(name) for name, _ in client.permissions],
        "attributes": client.attributes,
        "policies": client.policies,
    }
    text = "; ".join(f"{what} {', '.join(names)}" for what, names in granted.items() if names)
    text = f"{client.client_id} ({client.name}): {text or 'nothing'}"
    if client.namespace:
        text += f", only values with {client.namespace!r}"
    if client.trust is not None:
        text += ", bound to its own keys or issuer" if client.trust.binds else ", of any issuer"
    return text + ("." if client.enabled else ", SWITCHED OFF.")


def _client_dangers(clients: Clients) -> Iterator[str]:
    for client in clients:
        if client.namespace is None and (client.roles or client.permissions):
            yield (
                f"{client.client_id} has no namespace: every role and permission in its tokens "
                "counts, except those of another client's namespace."
            )
        if client.enabled and client.trust is not None and client.trust.is_of_any_issuer:
            yield f"{client.client_id}: trust.issuer is ANY: every issuer can speak for it."
        shadowed = [name for name, policy in client.policies.items() if not policy.enforce]
        if shadowed:
            yield f"{client.client_id}: in shadow mode, so not enforced: {', '.join(shadowed)}."
    for namespace, ids in clients.shared_namespaces().items():
        yield f"{', '.join(ids)} share the namespace {namespace!r}: each may carry the others'."
