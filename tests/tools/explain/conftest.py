"""The key endpoints of the key tests."""

from ...keys.conftest import forger, key_server, new_key, old_key

__all__ = ["forger", "key_server", "new_key", "old_key"]
