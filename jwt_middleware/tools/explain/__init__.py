"""What a token, a key source or a configuration is, in words for a person.

An explanation of a token may quote its claims, so it belongs in no log.
"""

from .token import inspect as inspect
from .token import principal_as_json as principal_as_json
