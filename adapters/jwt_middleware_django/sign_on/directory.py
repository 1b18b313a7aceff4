"""The site's own users as the directory of sign-on."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from jwt_middleware.sign_on import Account, AccountRefused, Profile
from jwt_middleware.sign_on.addresses import normal_email

_TRIES = 5


class DjangoDirectory:
    """Finds and creates users of the site, never one who is staff or a superuser.

    An integration with ``accounts = "own"`` has users of its own, never one whom the site had
    before. With ``"by_email"`` the site's user who has that address now is found, where there is
    exactly one; never a user of an integration's own, whose address only that partner vouches for.
    The site must have verified its users' addresses: who writes another person's address into an
    account lets that person's link sign in to it.

    A new user has a random name and no password. One of an integration's own has no address either:
    the account keeps it, so that a look-up by address, as in a log-in by another service, never
    finds a partner's user. Where the site allows no second user without an address, the user gets
    one under ``.invalid`` (RFC 2606, 2), which reaches nobody.

    The account keeps ``meta``, ``groups`` and ``credits``; a partner's groups are not the site's.
    Override ``update_user`` to make them so.

    Args:
        using: the alias of the database that has the users.

    """

    def __init__(self, using: str = "default") -> None:
        self._using = using

    def update_user(self, user: Any, profile: Profile) -> None:
        """Update the user within the account's transaction; does nothing unless overridden."""

    def sync(self, profile: Profile, /) -> Account:
        """Update or create the person's account, as ``Directory.sync``."""
        for left in reversed(range(_TRIES)):
            try:
                with transaction.atomic(using=self._using):
                    return self._synced(profile, is_first_try=left == _TRIES - 1)
            except IntegrityError:
                # A concurrent sign-on has made the user, or the site's model allows no second user
                # with this address, or without one.
                if not left:
                    if self._is_taken(profile):
                        raise AccountRefused("another user has this address") from None
                    raise
        raise AssertionError  # the loop returns or raises

    def _synced(self, profile: Profile, *, is_first_try: bool) -> Account:
        accounts = apps.get_model("jwt_sign_on", "SignOnAccount")._default_manager.using(
            self._using
        )
        place = {"realm": profile.realm, "email": profile.email}
        values: dict[str, Any] = {"signed_on_at": timezone.now()}
        for name in ("meta", "groups", "credits"):
            value = getattr(profile, name)
            if value is not None:
                values[name] = _plain(value)
        # A write first: it locks the account (PostgreSQL the row, SQLite the file), so that two
        # sign-ons of one person come one after the other.
        created = accounts.filter(**place).update(**values) == 0
        if created:
            user, created = self._user_for(profile, is_first_try=is_first_try)
            accounts.create(**place, **values, user=user)
        else:
            account = accounts.select_related("user").get(**place)
            # A database's collation may take two addresses for one.
            if (account.realm, account.email) != (profile.realm, profile.email):
                raise AccountRefused("the database takes two addresses for one")
            user = account.user
            if profile.by_email and not _has_address(user, profile.email):
                # The user has another address now: addresses change hands.
                user, created = self._user_for(profile, is_first_try=is_first_try)
                accounts.filter(pk=account.pk).update(user=user)
        _check(user)
        self.update_user(user, profile)
        return Account(str(user.pk), created, user)

    def _user_for(self, profile: Profile, *, is_first_try: bool) -> tuple[Any, bool]:
        """Return a user for an account, and whether it is a new one."""
        known = self._user_of(profile)
        if known is not None:
            return known, False
        user = get_user_model()(**_names(profile, may_be_empty=is_first_try))
        user.set_unusable_password()
        user.save(using=self._using, force_insert=True)
        return user, True

    def _user_of(self, profile: Profile) -> Any:
        """Return the site's user whom a profile names by address alone, or None."""
        model = get_user_model()
        if not profile.by_email:
            return None
        field = f"{model.get_email_field_name()}__iexact"
        # The site may have stored the address in Unicode's decomposed form.
        decomposed = unicodedata.normalize("NFD", profile.email)
        alike = Q(**{field: profile.email}) | Q(**{field: decomposed})
        users = [
            user
            for user in model._default_manager.using(self._using).filter(alike)
            if _has_address(user, profile.email)
        ]
        if len(users) > 1:
            raise AccountRefused("several users have this address")
        return users[0] if users else None

    def _is_taken(self, profile: Profile) -> bool:
        model = get_user_model()
        users = model._default_manager.using(self._using)
        return (
            profile.by_email
            and users.filter(**{model.get_email_field_name(): profile.email}).exists()
        )


def _has_address(user: Any, email: str) -> bool:
    """Whether the site itself knows a user by this address, and not only a partner."""
    address = getattr(user, user.get_email_field_name()) or ""
    return normal_email(address) == email and not user.sign_on_accounts.exclude(realm="").exists()


def _names(profile: Profile, *, may_be_empty: bool) -> dict[str, Any]:
    """Return the identifying fields of a new user, whichever model the site has."""
    model: Any = get_user_model()
    name = f"sign-on-{secrets.token_hex(16)}"
    names: dict[str, Any] = {str(model.USERNAME_FIELD): name}
    address = model.get_email_field_name()
    field = next((known for known in model._meta.get_fields() if known.name == address), None)
    if field is not None and profile.by_email:
        names[address] = profile.email
    elif field is not None and address not in names:
        empty = None if field.null else ""
        names[address] = empty if may_be_empty else f"{name}@sign-on.invalid"
    return names


def _check(user: Any) -> None:
    """Refuse a user whom no partner may sign in."""
    if getattr(user, "is_staff", False) or getattr(user, "is_superuser", False):
        raise AccountRefused("the user is staff")
    if not getattr(user, "is_active", True):
        raise AccountRefused("the user is not active")


def _plain(value: Any) -> Any:
    """Return a read-only JSON value as Django can store it; credits as the token has them."""
    if hasattr(value, "order_id"):
        return {"orderId": value.order_id, "id": value.id}
    if hasattr(value, "items"):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
