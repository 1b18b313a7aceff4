"""The answers of sign-on, in words for a person who has followed a link."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..errors import ConfigurationError, RequestError
from ..refusal_page import STYLE_SOURCE
from ..responses import Challenge, Refusal, Text, Wording, misconfigured, refusal_for
from .destinations import HOME

_AGAIN = "Go back to where you came from and follow the link there once more."
_NOT_VALID = Text("Sign-in failed", f"This sign-in link is not valid. {_AGAIN}")
_LATER = "Try this link again in a minute."

_TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "missing_token": Text(
            "Nothing to sign in with", f"This address needs a sign-in link. {_AGAIN}"
        ),
        "token_expired": Text("Link expired", f"This sign-in link has expired. {_AGAIN}"),
        "token_immature": Text("Too early", f"This sign-in link does not count yet. {_LATER}"),
        "token_reused": Text("Link used", f"This sign-in link was used already. {_AGAIN}"),
        "token_too_large": Text("Link too long", "This sign-in link is too long."),
        "invalid_claims": Text(
            "Sign-in failed",
            "This sign-in link has mistakes, which only those who made it can correct.",
        ),
        "unknown_integration": Text(
            "Sign-in failed", "This sign-in link comes from a service that is not known here."
        ),
        "integration_disabled": Text(
            "Sign-in failed", "Signing in from this service is switched off."
        ),
        "account_refused": Text(
            "Not signed in", "This account cannot be signed in to by such a link."
        ),
        "keys_unavailable": Text("Try again", f"You cannot be signed in now. {_LATER}"),
        "store_unavailable": Text("Try again", f"You cannot be signed in now. {_LATER}"),
        "configuration_error": Text("Not signed in", "Signing in is not set up on this site."),
        "sign_on_failed": Text("Try again", f"You could not be signed in. {_LATER}"),
    }
)

# The page's address holds the token: the page loads nothing, and no request from it names the
# address (Referrer Policy; without it, the request for a favicon would).
_NO_REFERRER = ("Referrer-Policy", "no-referrer")
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = f"default-src 'none'; style-src {STYLE_SOURCE}; frame-ancestors 'none'"
WORDING = Wording(
    _TEXTS,
    _NOT_VALID,
    (_NO_REFERRER, ("Content-Security-Policy", _POLICY)),
    for_people=True,
    page_headers=(_NO_REFERRER, ("Content-Security-Policy", _PAGE_POLICY)),
    way_out=(HOME, "Go to the start page"),
)
_CHALLENGE = Challenge(realm="sign-on")


def page_for(error: RequestError, accept: str) -> Refusal:
    """Return the page for a person who is refused; JSON where ``accept`` prefers it."""
    return refusal_for(error, _CHALLENGE, accept=accept, wording=WORDING)


def redirect_to(path: str, headers: Iterable[tuple[str, str]]) -> Refusal:
    """Return the redirect of a person who is signed in: 303 See Other (RFC 9110, 15.4.4)."""
    return _empty(303, ("Location", path), _NO_REFERRER, *headers)


def not_yet() -> Refusal:
    """Return the answer to a browser that fetches a link before anybody follows it.

    503, as Chromium documents it for a server that refuses prefetching: the browser asks again when
    the link is followed.
    """
    return _empty(503)


def only_get() -> Refusal:
    """Return the answer to other methods: links are followed by GET, and HEAD must use up none."""
    return _empty(405, ("Allow", "GET"))


def without_session(what_to_do: str, accept: str) -> Refusal:
    """Return the answer of a site that has no sessions, and log what to do."""
    fault = ConfigurationError(f"SignOn needs a session: {what_to_do}")
    logging.getLogger("jwt_middleware").error("nobody can sign on: %s", fault)
    return misconfigured(fault, accept=accept, wording=WORDING)


def _empty(status: int, *headers: tuple[str, str]) -> Refusal:
    return Refusal(status, (("Content-Length", "0"), ("Cache-Control", "no-store"), *headers), b"")
