"""The Django site that real servers run; options come from the environment."""

from __future__ import annotations

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["jwt_middleware_django"],
    MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests, for nothing",
)

from jwt_middleware import has_role  # noqa: E402
from jwt_middleware_django import current_principal, requires  # noqa: E402


def who(request: HttpRequest) -> HttpResponse:
    return JsonResponse(current_principal().subject, safe=False)


@requires(has_role("nobody"))
def denied(request: HttpRequest) -> HttpResponse:
    return JsonResponse("served", safe=False)


urlpatterns = [path("who", who), path("denied", denied)]
asgi = get_asgi_application()
wsgi = get_wsgi_application()
