"""What a configuration means, in words, with its dangers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from ...authorization.clients import Clients
from ...authorization.terms import terms_of
from ...middleware.settings import Settings
from ...options.checks import AnyAudience
from ...verification.issuer import Trust

_LONG_LEEWAY = 60
"""Seconds. Clocks of one site differ by less; expired tokens live on by it."""


def meaning_of(settings: Settings) -> list[str]:
    """Return what the options mean, one sentence each."""
    return list(_meaning(settings))


def dangers_of(settings: Settings) -> list[str]:
    """Return what the options leave open, one sentence each, with the mend."""
    return list(_dangers(settings))


def meaning_of_clients(clients: Clients) -> list[str]:
    """Return what a registry means, a line for each client."""
    return list(_clients(clients))


def dangers_of_clients(clients: Clients) -> list[str]:
    """Return what a registry leaves open."""
    return list(_client_dangers(clients))


def _meaning(settings: Settings) -> Iterator[str]:
    verifier = settings.verifier
    yield f"The header is {settings.header}; one line of it, with the token alone."
    for trust in verifier.trusts:
        yield from _trust(trust)
    policy = verifier.trusts[0].policy
    yield f"Clocks may differ by {policy.leeway:g} s."
    if policy.max_age is not None:
        yield f"A token is refused {policy.max_age:g} s after it was issued (iat)."
    if settings.optional is True:
        yield "A request without the header passes without a principal, everywhere."
    elif settings.optional:
        yield f"A request without the header passes without a principal on {settings.optional}."
    if settings.exempt:
        yield f"The header is not read on {settings.exempt}."
    if settings.varies:
        yield (
            f"Answers carry Vary: {settings.header}, and Cache-Control: private unless the app's "
            "own says otherwise."
        )
    if settings.authorize is not None:
        yield f"Every request with a principal must satisfy {settings.authorize!r}."
    clients = verifier.clients
    if clients is not None:
        yield f"{len(clients)} clients are known by {clients.source}; any other is refused (403)."
    if verifier.revocations is not None:
        yield from _revocations(verifier.revocations.health())
    told = {
        "allow": "Routes without a guard are served.",
        "warn": "Routes without a guard are served, with a warning at start-up.",
        "refuse": "The app does not start while a route has no guard.",
    }
    yield told[settings.unguarded]


def _revocations(health: Mapping[str, Any]) -> Iterator[str]:
    number = health["denials"]
    known = f"{number} denial{'' if number == 1 else 's'} in force"
    if "last_error" in health:
        known = "which is out now"
    yield f"Tokens that {health['store']} denies are refused ({known})."
    if health["fail"] == "closed":
        yield "While that store is out, no token is taken (503)."
    if health["one_time"]:
        yield "Each token is taken once; every request asks the store."


def _trust(trust: Trust) -> Iterator[str]:
    policy = trust.policy
    names = ", ".join(trust.algorithms)
    whose = f" of {' or '.join(policy.issuers)}" if policy.issuers else ""
    keys = trust.keys.current()
    known = "none known yet" if keys is None else f"{len(keys)} known"
    yield (
        f"Tokens{whose} in the form of {trust.gateway.name} verify by {names} under the keys of "
        f"{trust.keys.source.name} ({known})."
    )
    if isinstance(policy.audiences, AnyAudience):
        yield "Their audience may be any."
    elif policy.audiences:
        yield f"They must be for the audience {' or '.join(policy.audiences)}."
    if policy.contexts:
        yield f"They must be for the API {' or '.join(policy.contexts)}."


def _dangers(settings: Settings) -> Iterator[str]:
    verifier = settings.verifier
    wso2 = any(trust.gateway.context_claim for trust in verifier.trusts)
    for trust in verifier.trusts:
        if trust.gateway.context_claim and not trust.policy.contexts:
            yield (
                "WSO2 tokens carry no aud: without api=, a token minted for any other API of that "
                "gateway is accepted. Set api='/your/context'."
            )
        if isinstance(trust.policy.audiences, AnyAudience):
            yield "audience=ANY: a token meant for another service is accepted. Name yours."
        elif not trust.gateway.context_claim and not trust.policy.audiences:
            yield (
                "No audience is configured: a token without aud, made for another service, is "
                "accepted. Set audience=."
            )
        if trust.keys.rules.minimum_rsa_bits < 2048:
            yield (
                f"RSA keys of {trust.keys.rules.minimum_rsa_bits} bits are accepted; 2048 is the "
                "least that is safe."
            )
        if trust.keys.rules.allow_wso2_default_keys:
            yield "allow_wso2_default_keys: anybody can sign with WSO2's default keys. Tests only."
    asked = () if settings.authorize is None else terms_of(settings.authorize)
    if wso2 and not any("key_type" in t.written or "keytype" in t.written for t in asked):
        yield (
            "WSO2 signs sandbox and production tokens with the same keys. Where the sandbox is "
            "open to all, set authorize=(WSO2.key_type == 'PRODUCTION')."
        )
    policy = verifier.trusts[0].policy
    if policy.leeway > _LONG_LEEWAY:
        yield f"leeway={policy.leeway:g}: an expired token lives on as long. 30 s is usual."
    if policy.max_age is None:
        yield "No max_age: a token lives as long as its own exp says, be it years."
    if verifier.revocations is not None:
        yield from _store_dangers(verifier.revocations.health())
    if settings.optional is True:
        yield "optional=True: a route without requires(...) serves anybody. Name paths, or guards."
    if not settings.varies:
        yield (
            "vary=False: a cache may give one caller's answer to another. Leave it out, or set "
            "Vary and Cache-Control: private in the app."
        )
    if settings.unguarded == "allow":
        yield "unguarded='allow': a route that was forgotten serves every proven caller."
    try:
        metadata.distribution("jwt-middleware")
    except metadata.PackageNotFoundError:
        pass
    else:
        yield (
            "The distribution jwt-middleware is installed, which is another project's and has the "
            "same import name: uninstall it."
        )
    if verifier.clients is not None:
        yield from _client_dangers(verifier.clients)


def _store_dangers(health: Mapping[str, Any]) -> Iterator[str]:
    if health["fail"] == "open":
        yield (
            "revocations, fail='open': while the store is out, tokens that are denied meanwhile "
            "are taken" + (", and used ones too." if health["one_time"] else ".")
        )
    if health["store"] == "process-memory":
        yield (
            "revocations='process-memory': what one worker denies, no other worker and no command "
            "knows. Use sqlite:///file or redis://."
        )


def _clients(clients: Clients) -> Iterator[str]:
    for client in clients:
        granted = [
            f"roles from {', '.join(name for name, _ in client.roles)}" if client.roles else "",
            f"permissions from {', '.join(name for name, _ in client.permissions)}"
            if client.permissions
            else "",
            f"attributes {', '.join(client.attributes)}" if client.attributes else "",
            f"policies {', '.join(client.policies)}" if client.policies else "",
        ]
        space = f", only values with {client.namespace!r}" if client.namespace else ""
        bound = ""
        if client.trust is not None and client.trust.binds:
            bound = ", bound to its own keys or issuer"
        elif client.trust is not None:
            bound = ", of any issuer"
        state = "" if client.enabled else ", SWITCHED OFF"
        told = "; ".join(part for part in granted if part) or "nothing"
        yield f"{client.client_id} ({client.name}): {told}{space}{bound}{state}."


def _client_dangers(clients: Clients) -> Iterator[str]:
    for client in clients:
        if client.namespace is None and (client.roles or client.permissions):
            yield (
                f"{client.client_id} has no namespace: every role and permission it is given "
                "counts that carries no other client's."
            )
        if client.enabled and client.trust is not None and client.trust.is_of_any_issuer:
            yield f"{client.client_id}: trust.issuer is ANY: every issuer can speak for it."
        shadowed = [name for name, named in client.policies.items() if not named.enforce]
        if shadowed:
            yield f"{client.client_id}: in shadow mode, so not enforced: {', '.join(shadowed)}."
    for namespace, ids in clients.shared_namespaces().items():
        yield f"{', '.join(ids)} share the namespace {namespace!r}: each may carry the others'."
