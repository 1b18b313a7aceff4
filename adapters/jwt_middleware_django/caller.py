"""A proven caller as Django and REST framework ask their users, for sites without users."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any, cast

from django.apps import apps

from jwt_middleware.principal import Principal

__all__ = ["Caller"]


class Caller:
    """A principal that can be asked what a user of Django's can be asked.

    It is proven and active, is neither staff nor superuser, and has no permission of Django's. The
    principal's own attributes are its own too: ``subject``, ``client_id``, ``roles``, ``view()``.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @cached_property
    def pk(self) -> str:
        """A text that stays the same for the same caller: of issuer, client, subject and kind.

        Two callers differ in it, as their rate limits do: clients of one gateway, or two issuers,
        may have users of the same name. It is the key of no user in a database. Callers of whom
        the token names none of these have one in common.
        """
        who = self.principal
        # A digest, since a cache key may hold no blanks and no long texts (memcached).
        named = json.dumps([who.issuer, who.client_id, who.subject, who.kind])
        return f"jwt-{hashlib.sha256(named.encode()).hexdigest()}"

    @property
    def id(self) -> str:
        """The same as ``pk``."""
        return self.pk

    @property
    def username(self) -> str:
        """The subject, else the client; not unique among issuers and clients."""
        return self.principal.display_name

    def get_username(self) -> str:
        """Return the subject, else the client; not unique among issuers and clients."""
        return self.username

    @property
    def groups(self) -> Any:
        """No groups."""
        return _none_of("Group")

    @property
    def user_permissions(self) -> Any:
        """No permissions."""
        return _none_of("Permission")

    def get_user_permissions(self, obj: Any = None) -> set[str]:  # noqa: ARG002
        """Return no permissions."""
        return set()

    def get_group_permissions(self, obj: Any = None) -> set[str]:  # noqa: ARG002
        """Return no permissions."""
        return set()

    def get_all_permissions(self, obj: Any = None) -> set[str]:  # noqa: ARG002
        """Return no permissions."""
        return set()

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False: roles and permissions of a token are not Django's."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Return False, but for an empty list, as Django's users do."""
        return all(self.has_perm(each, obj) for each in perm_list)

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002
        """Return False: roles and permissions of a token are not Django's."""
        return False

    async def aget_user_permissions(self, obj: Any = None) -> set[str]:
        """Return no permissions."""
        return self.get_user_permissions(obj)

    async def aget_group_permissions(self, obj: Any = None) -> set[str]:
        """Return no permissions."""
        return self.get_group_permissions(obj)

    async def aget_all_permissions(self, obj: Any = None) -> set[str]:
        """Return no permissions."""
        return self.get_all_permissions(obj)

    async def ahas_perm(self, perm: str, obj: Any = None) -> bool:
        """Do as ``has_perm``."""
        return self.has_perm(perm, obj)

    async def ahas_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Do as ``has_perms``."""
        return self.has_perms(perm_list, obj)

    async def ahas_module_perms(self, app_label: str) -> bool:
        """Do as ``has_module_perms``."""
        return self.has_module_perms(app_label)

    def __getattr__(self, name: str) -> Any:
        # Only what the class itself does not have; a private name, while pickle makes an object.
        if name.startswith("_") or name == "principal":
            raise AttributeError(f"a Caller has no attribute {name!r}")
        return getattr(self.principal, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Caller) and self.pk == other.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def __str__(self) -> str:
        return self.username

    def __repr__(self) -> str:
        return f"<Caller of {self.principal!r}>"


def _none_of(model: str) -> Any:
    """Return an empty manager of one of Django's models; an empty tuple where it has no users."""
    if not apps.is_installed("django.contrib.auth"):
        return ()
    from django.db.models.manager import EmptyManager

    return cast("Any", EmptyManager)(apps.get_model("auth", model))
