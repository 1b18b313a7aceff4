"""Options of an app that are none of the test kit's: of the environment, and in a wrong place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..options.catalogue import OPTIONS
from ..options.checks import nearest
from ..options.sources import named_outside_code
from ..verification.options import VerifierOptions


def unset_outside_code() -> dict[str, Any]:
    """Return the options that undo what the environment or the file sets: code beats both."""
    ours = (*VerifierOptions.__annotations__, "header")
    return {name: OPTIONS[name].default for name in named_outside_code() if name in ours}


_OWN = ("form", "header", "api", "clients", "key", "issuer", "audience", "signer")


def refuse_others(names: Mapping[str, object]) -> None:
    """Raise ``TypeError`` for an argument that ``LocalGateway`` has not, and say where it goes."""
    for name in names:
        if name in OPTIONS:
            raise TypeError(
                f"LocalGateway: {name} is an option of the app, and belongs to its JWTMiddleware: "
                "override(app, gateway) keeps it, and beside gateway.options it is "
                f"Verifier(**gateway.options, {name}=...). A gateway is made with {', '.join(_OWN)}"
            )
        raise TypeError(f"LocalGateway: there is no argument {name!r}{nearest(name, _OWN)}")
