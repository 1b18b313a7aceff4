"""Sample tokens: of any caller, in any form, and with any fault that a check finds."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...errors import ConfigurationError
from ...gateways.forms import FORMS
from ...principal import written
from ...testing import Accounts, LocalGateway, SigningKey, TokenForm
from ..gateway import Caller, assertion_of


class Sample(NamedTuple):
    """A client and a user of the accounts, a form, and a name in ``FAULTS``."""

    client: str | None = None
    user: str | None = None
    form: str = "wso2-4.2"
    fault: str = "none"


class Maker(NamedTuple):
    """Makes samples of one caller, with a gateway's key."""

    local: LocalGateway
    caller: Caller
    context: str

    def token(self, lifetime: float = 900, **changes: Any) -> str:
        """Return a token that is good but for these changes."""
        return assertion_of(self.local, self.caller, self.context, lifetime, **changes)

    def by(self, key: SigningKey) -> Maker:
        """Return a maker with another key."""
        return self._replace(local=self.local.with_key(key))

    def new_key(self, key_id: str | None = None) -> SigningKey:
        """Return another key of the same algorithm."""
        return SigningKey(self.local.key.algorithm, key_id=key_id)


def _not_yet(maker: Maker) -> str:
    return maker.token(lifetime=4_500, nbf=maker.local.form.time(time.time() + 3_600))


def _forged(maker: Maker) -> str:
    key = maker.local.key
    pem, name = maker.new_key().private_pem, key.key_id
    forged = SigningKey.from_pem(pem, key.certificate_pem, key.algorithm, key_id=name)
    return maker.by(forged).token()


def _for_another(maker: Maker) -> str:
    """Return a token for another API, in the words of its gateway: context, audience or signer."""
    fixed = maker.local.form.claims
    bound = next((name for name in ("aud", "signer", "iss") if name in fixed), None)
    if maker.local.gateway.context_claim is not None or bound is None:
        return maker._replace(context="/other/1.0.0").token()
    other: Any = f"{fixed[bound]}-other" if isinstance(fixed[bound], str) else ["other"]
    changes: dict[str, Any] = {bound: other}
    return maker.token(**changes)


def _of_unknown_client(maker: Maker) -> str:
    names = maker.local.gateway.names.client_id
    if not names:
        raise ValueError(f"tokens of {maker.local.gateway.name} name no client")
    changes: dict[str, Any] = {written(names[0]): "nobody_inc"}
    return maker.token(**changes)


def _cut(maker: Maker) -> str:
    token = maker.token()
    return token[: token.rindex(".") - 8]


def _changed(maker: Maker) -> str:
    header, _, signature = maker.token().split(".")
    return ".".join((header, maker.token(sub="somebody-else").split(".")[1], signature))


def _unsigned(maker: Maker) -> str:
    header, payload, signature = maker.token().split(".")
    members = json.loads(base64.urlsafe_b64decode(header + "=="))
    content = json.dumps(members | {"alg": "none"}).encode()
    return ".".join((maker.local.form.encode(content).decode(), payload, signature))


FAULTS: Mapping[str, tuple[str, Callable[[Maker], str]]] = {
    "none": ("none", Maker.token),
    "expired": ("it expired a minute ago", lambda maker: maker.token(lifetime=-60)),
    "not-yet": ("it begins in an hour", _not_yet),
    "another-api": ("it is for another API", _for_another),
    "changed": ("somebody changed its claims", _changed),
    "forged": ("another key signed it, under the name of ours", _forged),
    "unknown-key": (
        "an unknown gateway signed it",
        lambda maker: maker.by(maker.new_key("somebody-elses")).token(),
    ),
    "algorithm": ("its algorithm is none", _unsigned),
    "unknown-client": ("it names an unknown client", _of_unknown_client),
    "cut": ("it was cut off on its way", _cut),
}
"""What may be wrong with a sample, in words, and what makes such a token."""


def forms_of(local: LocalGateway) -> Mapping[str, TokenForm]:
    """Return the forms by name, and the gateway's own form by its name if it is none of them."""
    if any(form is local.form for form in FORMS.values()):
        return FORMS
    return {**FORMS, local.gateway.name: local.form}


def sample(asked: Sample, accounts: Accounts, local: LocalGateway, context: str) -> str:
    """Return the token, as ``local`` signs it where it is asked for in its own form.

    In any other form it is signed with the same key, where that fits the form's gateway.

    Raises ``ConfigurationError`` for an unknown client, user, form or fault, and ``ValueError``
    where the form has no claim for it.
    """
    forms = forms_of(local)
    for name, known in zip(asked, (accounts.clients, accounts.users, forms, FAULTS), strict=True):
        if name is not None and name not in known:
            raise ConfigurationError(f"there is no {name!r}; there are: {', '.join(known)}")
    caller = Caller(
        None if asked.client is None else accounts.clients[asked.client],
        None if asked.user is None else accounts.users[asked.user],
    )
    form, key = forms[asked.form], local.key
    if form is local.form:
        own = local
    elif key.algorithm in form.gateway.algorithms:
        # The same key without its kid: each form makes a kid of its own.
        unnamed = SigningKey.from_pem(key.private_pem, key.certificate_pem, key.algorithm)
        own = _in_form(form, local, unnamed)
    else:
        own = _in_form(form, local, SigningKey(form.algorithm))
    return FAULTS[asked.fault][1](Maker(own, caller, context))


def _in_form(form: TokenForm, local: LocalGateway, key: SigningKey) -> LocalGateway:
    issuer = form.claims.get("iss")
    return LocalGateway(form, clients=local.clients, key=key, issuer=issuer)
