"""What is reported of sign-on by token."""

from __future__ import annotations

from logging import ERROR, INFO, WARNING
from typing import NamedTuple

from .kinds import Kept, logged


@logged(INFO, "{source}: {integrations} integrations")
class IntegrationsLoaded(NamedTuple):
    """The integrations of sign-on were read: at start-up, or after they changed."""

    source: str
    integrations: int


@logged(ERROR, "{source}: the last good reading stays: {faults}")
class IntegrationsKept(Kept):
    """The integrations have changed and are unusable; the last good reading stays."""


@logged(INFO, "signed on user={user_id} integration={integration}")
class SignedOn(NamedTuple):
    """A token signed somebody in. ``user_id`` is the directory's; ``created``: the user is new."""

    integration: str
    user_id: str
    created: bool
    subject: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    method: str | None = None
    path: str | None = None


@logged(INFO, "account created user={user_id} integration={integration}")
class AccountCreated(NamedTuple):
    """The directory has created a user for a sign-on."""

    integration: str
    user_id: str


@logged(INFO, "account updated user={user_id} integration={integration}")
class AccountUpdated(NamedTuple):
    """The directory has updated a user to what a sign-on token says."""

    integration: str
    user_id: str


@logged(
    WARNING,
    "not followed code=go_refused integration={integration} reason={reason} "
    "request={method} {path}",
)
class GoRefused(NamedTuple):
    """The ``go`` of a sign-on is not a path of this site; the person is sent to ``/``."""

    integration: str
    reason: str
    method: str | None = None
    path: str | None = None
