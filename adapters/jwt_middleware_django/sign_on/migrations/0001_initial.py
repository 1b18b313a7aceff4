"""The table of accounts, beside the site's own users."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """As ``makemigrations`` makes it."""

    initial = True

    dependencies: ClassVar = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations: ClassVar = [
        migrations.CreateModel(
            name="SignOnAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("realm", models.CharField(blank=True, max_length=64)),
                ("email", models.CharField(max_length=254)),
                ("meta", models.JSONField(default=dict)),
                ("groups", models.JSONField(default=list)),
                ("credits", models.JSONField(default=list)),
                ("signed_on_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sign_on_accounts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "sign-on account",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("realm", "email"), name="jwt_sign_on_account_realm_email"
                    )
                ],
            },
        )
    ]
