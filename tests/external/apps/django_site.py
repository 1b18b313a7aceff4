"""A Django site behind the gateway that JWKS_URL belongs to."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["jwt_middleware_django"],
    MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
    JWT_MIDDLEWARE={"keys": os.environ["JWKS_URL"], "api": "/orders"},
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests, for nothing",
)

from jwt_middleware_django import current_principal  # noqa: E402


def who(request: HttpRequest) -> HttpResponse:
    principal = current_principal()
    return JsonResponse(
        {
            "subject": principal.subject,
            "client": principal.client_id,
            "roles": sorted(principal.roles),
            "key": principal.key_id,
            "headers": sorted(name.lower() for name in request.headers),
        }
    )


def shout(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(piece.upper() for piece in iter(lambda: request.read(1024), b""))


urlpatterns = [path("who", who), path("shout", shout)]
app = get_wsgi_application()
