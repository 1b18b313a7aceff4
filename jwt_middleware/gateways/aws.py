"""What the tokens of AWS's gateways have in common.

Sources: the Elastic Load Balancing guide, "Authenticate users using an Application Load Balancer",
and the Verified Access guide, "User claims passing and signature verification".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .gateway import WireFormat

HEADER_CLAIMS = ("exp", "iss", "client", "signer")
"""They stand in the JOSE header; the payload is what the identity provider says of the person."""

# Padded, against RFC 7515; the load balancer's tokens of 2018 are in the standard alphabet.
WIRE = WireFormat(relaxed_base64=True)


def arn(service: str, resource: str) -> str:
    """Return the pattern of an ARN; ``resource`` is a pattern too."""
    return (
        rf"arn:(?P<partition>aws|aws-us-gov|aws-cn):{service}:(?P<region>[a-z0-9-]+):"
        rf"[0-9]{{12}}:{resource}"
    )


def by_partition(template: str, **others: str) -> Mapping[str, str]:
    """Return a key URL template for each partition; ``{suffix}`` becomes its DNS suffix."""
    return MappingProxyType(
        {
            "aws": template.replace("{suffix}", "amazonaws.com"),
            "aws-us-gov": others.get("gov", template).replace("{suffix}", "amazonaws.com"),
            "aws-cn": template.replace("{suffix}", "amazonaws.com.cn"),
        }
    )
