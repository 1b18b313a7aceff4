"""The gateway of an issuer, and what follows from it: its keys, and what its tokens must say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..gateways import METADATA, PRESETS, Gateway, SignerForm, WireFormat
from ..keys.sources import AbsentKeys
from ..options import checks as check
from ..options.resource import checked_url
from ..principal import ClaimName, ClaimNames, ListClaim, Mark


def gateway_of(
    gateway: Any, client_claim: str | None = None, claim_dialect: str | None = None
) -> Gateway:
    """Return the gateway, with the client claim and the dialect that other options may name."""
    if gateway is None:
        gateway = "wso2"
    if isinstance(gateway, str):
        check.known([gateway], PRESETS, "gateway preset")
        gateway = PRESETS[gateway]
    if not isinstance(gateway, Gateway):
        raise ConfigurationError(
            f"gateway: a preset's name ({', '.join(PRESETS)}) or a Gateway, "
            f"not {check.kind(gateway)}"
        )
    own: Gateway = gateway
    _check_gateway(own)
    if claim_dialect is not None and own.dialect is not None:
        own = _in_dialect(own, own.dialect, claim_dialect)
    if client_claim is None:
        return own
    return replace(own, names=own.names._replace(client_id=(client_claim,)))


def _in_dialect(gateway: Gateway, usual: str, dialect: str) -> Gateway:
    """Return the gateway whose claims have another prefix than usual.

    WSO2 puts a slash after the dialect, unless it is one (carbon-apimgt, AbstractJWTGenerator).
    """
    if dialect.endswith("/") and dialect != "/":
        raise ConfigurationError(
            "claim_dialect: without the slash at the end, as claim_dialect of deployment.toml is"
        )
    own = dialect if dialect == "/" else f"{dialect}/"

    def renamed(name: Any) -> Any:
        return own + name.removeprefix(usual) if str(name).startswith(usual) else name

    names = gateway.names
    return replace(
        gateway,
        dialect=own,
        context_claim=renamed(gateway.context_claim),
        names=names._replace(
            subject=tuple(map(renamed, names.subject)),
            client_id=tuple(map(renamed, names.client_id)),
            application=tuple(map(renamed, names.application)),
            roles=tuple(each._replace(name=renamed(each.name)) for each in names.roles),
            permissions=tuple(each._replace(name=renamed(each.name)) for each in names.permissions),
            service=tuple(each._replace(claim=renamed(each.claim)) for each in names.service),
            person=tuple(each._replace(claim=renamed(each.claim)) for each in names.person),
            dialect=(usual, own),
        ),
    )


def _check_gateway(gateway: Gateway) -> None:
    """Check a gateway of the site's own at start-up, before any request depends on it."""
    try:
        _check_names(gateway.names)
        check.texts("algorithms", gateway.algorithms or ())
        check.header_names("header", gateway.header or ())
        if not isinstance(gateway.header_claims, tuple):
            raise ConfigurationError("header_claims: a tuple of claim names")
        check.texts("header_claims", gateway.header_claims or None)
        for name in ("name", "scheme", "realm"):
            value: Any = getattr(gateway, name)
            check.text(name, "" if value is None else value)
        for name in ("context_claim", "issuer", "keys", "dialect"):
            check.text(name, getattr(gateway, name))
        check.text("title", gateway.title or None)
        for name in ("algorithm_aliases", "required", "needs", "terms"):
            table: Any = getattr(gateway, name)
            if not isinstance(table, Mapping):
                raise ConfigurationError(f"{name}: a dict, not {check.kind(table)}")
            for key, value in table.items():
                if name == "required":
                    check.claim_name(name, key)
                    check.text(name, value)
                elif not (isinstance(key, str) and key and isinstance(value, str) and value):
                    raise ConfigurationError(f"{name}: a dict of texts, none of them empty")
        if not isinstance(gateway.wire, WireFormat):
            raise ConfigurationError(f"wire: a WireFormat, not {check.kind(gateway.wire)}")
        for name, value in gateway.wire._asdict().items():
            check.flag(f"wire: {name}", value)
        check.flag("writes_scheme", gateway.writes_scheme)
        _check_marks("marks", gateway.marks)
        _check_signer(gateway.signer)
        # They are written into a header: RFC 9110, 5.6.2 and 5.6.4, without escapes.
        if not _SCHEME.fullmatch(gateway.scheme):
            raise ConfigurationError("scheme: one word of letters, digits and hyphens")
        if not _REALM.fullmatch(gateway.realm):
            raise ConfigurationError("realm: printable ASCII without a quotation mark or backslash")
    except ConfigurationError as error:
        raise ConfigurationError(f"gateway {gateway.name!r}: {error}") from None


_SCHEME = re.compile("[A-Za-z0-9-]+")
_REALM = re.compile(r"[ !#-\[\]-~]+")


def _check_names(names: Any) -> None:
    if not isinstance(names, ClaimNames):
        raise ConfigurationError("names: tuples of claim names")
    check.flag("names: numeric_ids", names.numeric_ids)
    for name in ("subject", "client_id", "application"):
        found = getattr(names, name)
        if not isinstance(found, tuple):
            raise ConfigurationError("names: tuples of claim names")
        for each in found:
            check.claim_name("names", each)
    for name in ("roles", "permissions"):
        found = getattr(names, name)
        if not isinstance(found, tuple) or not all(isinstance(each, ListClaim) for each in found):
            raise ConfigurationError("roles and permissions: ListClaim(...)")
        for each in found:
            check.list_claim("roles and permissions", each)
    for name in ("service", "person"):
        _check_marks(name, getattr(names, name))
    if names.dialect is not None:
        if not isinstance(names.dialect, tuple) or len(names.dialect) != 2:
            raise ConfigurationError("names: dialect: the prefix of the views and the gateway's")
        check.texts("names: dialect", names.dialect)


def _check_marks(name: str, marks: Any) -> None:
    if not isinstance(marks, tuple) or not all(isinstance(each, Mark) for each in marks):
        raise ConfigurationError(f"{name}: a tuple of Mark(...)")
    for each in marks:
        check.claim_name(name, each.claim)
        check.pattern(f"{name}: pattern", each.pattern)
        if each.same_as is not None:
            check.claim_name(f"{name}: same_as", each.same_as)


def _check_signer(signer: Any) -> None:
    if signer is None:
        return
    if not isinstance(signer, SignerForm):
        raise ConfigurationError(f"signer: a SignerForm, not {check.kind(signer)}")
    groups = check.pattern("signer: pattern", signer.pattern).groupindex
    if not {"partition", "region"} <= groups.keys():
        raise ConfigurationError("signer: pattern: with the groups partition and region")
    if not isinstance(signer.keys, Mapping):
        raise ConfigurationError("signer: keys: a dict of URL templates by partition")


def check_needs(gateway: Gateway, given: Mapping[str, Any]) -> None:
    """Raise ``ConfigurationError`` for an option that the gateway needs and that is not given."""
    for option, where in gateway.needs.items():
        if given.get(option) is None:
            raise ConfigurationError(
                f"{option}: the gateway {gateway.name!r} needs it: {option} is {where}"
            )
    if given.get("signer") is not None and gateway.signer is None:
        raise ConfigurationError(
            f"signer: the gateway {gateway.name!r} names no signer in its tokens; leave it out"
        )


class Signers(NamedTuple):
    """The accepted signers, and the URL template of their keys."""

    names: frozenset[str]
    keys: str


def signers_of(signer: Any, gateway: Gateway) -> Signers | None:
    """Return the signers that the option names; None for a gateway without signers.

    Raises:
        ConfigurationError: one is no ARN of this gateway, or they are of several regions, whose
            keys stand in different places.

    """
    names, form = check.texts("signer", signer), gateway.signer
    if not names or form is None:
        return None
    urls: set[str] = set()
    for name in names:
        match = re.fullmatch(form.pattern, name)
        if match is None:
            raise ConfigurationError(
                f"signer: {name!r} is no ARN that the gateway {gateway.name!r} signs with; it "
                f"looks like {form.example}"
            )
        # Not format(), which would look into the values for attributes.
        url = form.keys.get(match["partition"])
        if url is None:
            raise ConfigurationError(
                f"signer: the gateway {gateway.name!r} has no keys for {name!r}"
            )
        urls.add(url.replace("{region}", match["region"]))
    if len(urls) > 1:
        raise ConfigurationError(
            "signer: ARNs of several regions, whose keys stand in different places; give each "
            "region its own Issuer(..., signer=...)"
        )
    return Signers(frozenset(names), urls.pop())


def default_keys(gateway: Gateway, issuer: Any, signers: Signers | None) -> Any:
    """Return the value of ``keys=`` that follows from the gateway, its issuer and its signers.

    Raises:
        ConfigurationError: nothing follows, so ``keys`` must be set.

    """
    if signers is not None:
        return signers.keys
    if gateway.keys is None:
        return AbsentKeys(
            "keys: missing; name the gateway's certificate, key file or JWKS URL, such as "
            "keys='gateway.pem' (JWT_MIDDLEWARE_KEYS is for the middleware and "
            "Verifier.from_settings())"
        )
    if "{" not in gateway.keys:
        return gateway.keys
    names = check.texts("issuer", issuer)
    if len(names) != 1:
        one = "keys: missing; set keys, or issuer, from which they follow"
        if not names:
            return AbsentKeys(one)
        raise ConfigurationError(
            f"{one}: one issuer, or several as issuers=[Issuer('https://a', ...), ...]"
        )
    # An issuer that is a URL may end in a slash; a host may be written as one (Pomerium).
    base = names[0].rstrip("/")
    if "{host}" in gateway.keys:
        host = base.removeprefix("https://")
        if not _HOST.fullmatch(host):
            raise ConfigurationError(
                "issuer: a host name, or https:// and one, as the URL of the keys follows from it; "
                "or set keys"
            )
        return gateway.keys.replace("{host}", host)
    checked_url("issuer", base)
    if any(mark in base for mark in "?#{}"):
        raise ConfigurationError(
            "issuer: a URL without a query and a fragment, as that of the keys follows from it; or "
            "set keys"
        )
    if gateway.keys == METADATA:
        from ..keys.discovery import Discovery  # imported here: few keys are discovered

        return Discovery(names[0])
    return gateway.keys.replace("{issuer}", base)


_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


def required_of(
    gateway: Gateway, signers: Signers | None, tenant: str | None
) -> dict[ClaimName, frozenset[str] | None]:
    """Return the claims that a token must have, each with its possible values or None for any."""
    required: dict[ClaimName, frozenset[str] | None] = {
        name: None if value is None else frozenset({value})
        for name, value in gateway.required.items()
    }
    if signers is not None:
        required["signer"] = signers.names
    if tenant is not None:
        required["tid"] = frozenset({tenant})
    return required


TENANT = "{tid}"
"""What stands for the tenant in ``issuer=`` (Microsoft Entra's own placeholder, shortened)."""


def by_tenant(issuer: Any, tenants: Any) -> list[tuple[str, str]]:
    """Return each tenant's issuer, with the tenant; none where ``issuer`` has no ``{tid}``.

    Raises:
        ConfigurationError: only one of ``{tid}`` and ``tenants`` is there, or a tenant is no id.

    """
    names, ids = check.texts("issuer", issuer), check.texts("tenants", tenants)
    if not any(TENANT in name for name in names):
        if ids:
            raise ConfigurationError(
                "tenants: issuer has no {tid}, where the tenant stands, such as "
                "issuer='https://login.microsoftonline.com/{tid}/v2.0'"
            )
        return []
    if not ids:
        raise ConfigurationError(
            "tenants: missing; issuer has {tid}, so list the tenants whose tokens count. Every "
            "tenant of such a provider has the same keys"
        )
    if not all(_TENANT_ID.fullmatch(each) for each in ids):
        raise ConfigurationError("tenants: ids of letters, digits, '.', '_' and '-'")
    if not all(TENANT in name for name in names):
        raise ConfigurationError("issuer: with and without {tid}; write issuers=[Issuer(...), ...]")
    return [(name.replace(TENANT, each), each) for name in names for each in dict.fromkeys(ids)]


_TENANT_ID = re.compile("[A-Za-z0-9._-]+")
