"""Variables that Kubernetes makes of a Service's name, which may begin as those of options do."""

from __future__ import annotations

import re

from ..errors import ConfigurationError

# Docker's links are the model: https://kubernetes.io/docs/concepts/services-networking/service/
_LINK = re.compile(
    r"[A-Z0-9_]+_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)


def check_no_service_link(variable: str, value: str) -> None:
    """Raise ``ConfigurationError`` for a variable that Kubernetes has set, with the way out."""
    is_url = variable.endswith("_PORT") and "://" in value
    if is_url or _LINK.fullmatch(variable):
        raise ConfigurationError(
            f"{variable} is no option but a Kubernetes service link, the address of a Service "
            "whose name begins with jwt-middleware: set enableServiceLinks: false in the pod's "
            "spec, or give the Service another name"
        )
