"""Sample tokens: of any caller, in any form, and with any fault that a check finds."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...errors import ConfigurationError
from ...gateways.forms import FORMS
from ...testing import Accounts, LocalGateway, SigningKey
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
        local = LocalGateway(self.local.form, clients=self.local.clients, key=key)
        return self._replace(local=local)


def _not_yet(maker: Maker) -> str:
    return maker.token(lifetime=4_500, nbf=maker.local.form.time(time.time() + 3_600))


def _forged(maker: Maker) -> str:
    key = maker.local.key
    pem = SigningKey().private_pem
    return maker.by(SigningKey.from_pem(pem, key.certificate_pem, key_id=key.key_id)).token()


def _changed(maker: Maker) -> str:
    header, _, signature = maker.token().split(".")
    return ".".join((header, maker.token(sub="somebody-else").split(".")[1], signature))


def _unsigned(maker: Maker) -> str:
    header, payload, signature = maker.token().split(".")
    members = json.loads(base64.urlsafe_b64decode(header + "=="))
    content = json.dumps(members | {"alg": "none"}).encode()
    return ".".join((maker.local.form.encode(content).decode(), payload, signature))


FAULTS: Mapping[str, tuple[str, Callable[[Maker], str]]] = {
    "none": ("nothing", Maker.token),
    "expired": ("it expired a minute ago", lambda maker: maker.token(lifetime=-60)),
    "not-yet": ("it begins in an hour", _not_yet),
    "another-api": (
        "it is for another API",
        lambda maker: maker._replace(context="/other/1.0.0").token(),
    ),
    "changed": ("somebody changed its claims", _changed),
    "forged": ("another key signed it, under the name of ours", _forged),
    "unknown-key": (
        "an unknown gateway signed it",
        lambda maker: maker.by(SigningKey(key_id="somebody-elses")).token(),
    ),
    "algorithm": ("its algorithm is none", _unsigned),
    "unknown-client": (
        "it names an unknown client",
        lambda maker: maker.token(client_id="nobody_inc"),
    ),
    "cut": ("it was cut off on its way", lambda maker: maker.token()[: len(maker.token()) // 2]),
}
"""What may be wrong with a sample, in words, and what makes such a token."""


def sample(asked: Sample, accounts: Accounts, key: SigningKey, context: str) -> str:
    """Return the token, signed with this key.

    Raises ``ConfigurationError`` for an unknown client, user, form or fault.
    """
    for name, known in zip(asked, (accounts.clients, accounts.users, FORMS, FAULTS), strict=True):
        if name is not None and name not in known:
            raise ConfigurationError(f"there is no {name!r}; there are: {', '.join(known)}")
    caller = Caller(
        None if asked.client is None else accounts.clients[asked.client],
        None if asked.user is None else accounts.users[asked.user],
    )
    # The same key without its kid: each form makes a kid of its own.
    unnamed = SigningKey.from_pem(key.private_pem, key.certificate_pem)
    local = LocalGateway(asked.form, clients=accounts.registry, key=unnamed)
    return FAULTS[asked.fault][1](Maker(local, caller, context))
