"""The accounts by which partners' people are users of the site."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models

from jwt_middleware.sign_on.addresses import MOST_CHARACTERS


class SignOnAccount(models.Model):
    """One address of one realm, the user of the site whom it signs in, and what its partner says.

    ``realm`` is the integration's id, or empty where accounts are found by address alone.
    """

    realm: models.CharField[str, str] = models.CharField(max_length=64, blank=True)
    email: models.CharField[str, str] = models.CharField(max_length=MOST_CHARACTERS)
    user: models.ForeignKey[Any, Any] = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_on_accounts"
    )
    meta = models.JSONField(default=dict)
    groups = models.JSONField(default=list)
    credits = models.JSONField(default=list)
    signed_on_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    class Meta:
        """One account an address and realm."""

        verbose_name = "sign-on account"
        constraints = (
            models.UniqueConstraint(
                fields=("realm", "email"), name="jwt_sign_on_account_realm_email"
            ),
        )

    def __str__(self) -> str:
        return f"account {self.pk}"
