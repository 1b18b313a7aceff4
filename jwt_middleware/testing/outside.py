"""What the environment or a TOML file says of tokens, which does not count in tests."""

from __future__ import annotations

from typing import Any

from ..options.sources import named_outside_code
from ..verification.compact import MAX_TOKEN_SIZE
from ..verification.options import VerifierOptions

_DEFAULTS = {
    "leeway": 30,
    "cache_size": 4_096,
    "max_token_size": MAX_TOKEN_SIZE,
    "minimum_rsa_bits": 2048,
    "allow_wso2_default_keys": False,
    "check_certificate_dates": False,
}


def unset_outside_code() -> dict[str, Any]:
    """Return the options that undo what the environment or the file sets: code beats both."""
    unset = dict.fromkeys((*VerifierOptions.__annotations__, "header")) | _DEFAULTS
    return {name: unset[name] for name in named_outside_code() if name in unset}
