"""``refuse=``: an app's own shape of its refusals, for the middleware and for sign-on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

from ..errors import ConfigurationError
from ..events.log import log_bounded
from ..responses import Refusal
from .request import RequestView

Refuse = Callable[[Refusal, RequestView], Refusal]
"""Gets the default answer and the request, and returns the answer to send."""


def refuse_option(value: Any) -> Refuse | None:
    """Return the hook, or None where there is none.

    Raises:
        ConfigurationError: it is no function.

    """
    if value is None:
        return None
    if not callable(value):
        raise ConfigurationError("refuse: a function of (refusal, request_view), or None")
    return cast("Refuse", value)


def shaped(refusal: Refusal, request: RequestView, refuse: Refuse | None) -> Refusal:
    """Return the answer as ``refuse`` shapes it; the default one where it fails, which is logged.

    Never raises: a request that is refused must not be let in, or fail, by a mistake in the hook.
    """
    if refuse is None:
        return refusal
    try:
        own: Any = refuse(refusal, request)
    except Exception as failure:  # noqa: BLE001 - the app's own code; a refusal must not fail
        log_bounded(
            logging.ERROR,
            "refuse= failed with %s; the default answer is sent instead",
            type(failure).__name__,
        )
        return refusal
    if isinstance(own, Refusal) and own.can_be_sent():
        return own
    log_bounded(
        logging.ERROR,
        "refuse= returned something that cannot be sent; the default answer is sent instead",
    )
    return refusal
