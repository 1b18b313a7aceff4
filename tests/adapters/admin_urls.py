"""The routes of ``test_django_admin``: the admin needs its apps when it is imported."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from .test_django_admin import async_me, me

urlpatterns = [
    path("admin/", admin.site.urls),
    path("me", me),
    path("exempt/me", me),
    path("exempt/async-me", async_me),
]
