"""The presets by name, as ``gateway=`` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Literal

from .gateway import Gateway

Preset = Literal[
    "wso2",
    "wso2-1.4",
    "wso2-3.1",
    "standard",
    "google-iap",
    "cloudflare-access",
    "aws-alb",
    "aws-verified-access",
    "pomerium",
    "teleport",
    "oathkeeper",
    "bearer",
]
"""The names of the presets, for the type checkers."""

_FILES: Mapping[Preset, str] = MappingProxyType(
    {
        "wso2": "wso2",
        "wso2-1.4": "wso2",
        "wso2-3.1": "wso2",
        "standard": "standard",
        "google-iap": "google_iap",
        "cloudflare-access": "cloudflare_access",
        "aws-alb": "aws_alb",
        "aws-verified-access": "aws_verified_access",
        "pomerium": "pomerium",
        "teleport": "teleport",
        "oathkeeper": "oathkeeper",
        "bearer": "bearer",
    }
)
"""The file of each preset."""


class _Presets(Mapping[str, Gateway]):
    """The presets; a gateway's file is imported when it is asked for, as an app needs one."""

    def __getitem__(self, name: str) -> Gateway:
        file = import_module(f".{_FILES[name]}", __package__)  # type: ignore[index]
        found: Gateway = next(each for each in file.PRESETS if each.name == name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_FILES)

    def __len__(self) -> int:
        return len(_FILES)


PRESETS: Mapping[str, Gateway] = _Presets()
"""The presets by name."""
