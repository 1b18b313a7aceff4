"""What a token, a key source or a configuration is, in words for a person.

An explanation of a token may quote its claims, so it belongs in no log.
"""

from .token import Inspection, find_token, inspect, principal_as_json

__all__ = ["Inspection", "find_token", "inspect", "principal_as_json"]
