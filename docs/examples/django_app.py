"""Django: the event and the rows that it is about are one transaction, in a request's context.

A project in one file, with the backend django.db.backends.postgresql over psycopg 3.
"""

from __future__ import annotations

from collections.abc import Callable

import django
from django.conf import settings
from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from psycopg.conninfo import conninfo_to_dict

from agent_events import Ledger, context
from agent_events.dsn import resolve


def database() -> dict[str, object]:
    """Return the entry of DATABASES for the database that `agent_events.dsn` finds."""
    known = conninfo_to_dict(resolve())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known.get("dbname"),
        **{name.upper(): known.get(name, "") for name in ("host", "port", "user", "password")},
    }


settings.configure(
    DATABASES={"default": database()},
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[f"{__name__}.ledger_context"],
    ALLOWED_HOSTS=["testserver"],
    SECRET_KEY="for the example only",  # noqa: S106
    USE_TZ=True,
)
django.setup()


def ledger_of_request() -> Ledger:
    """Return the ledger in the transaction of Django's connection."""
    connection.ensure_connection()
    return Ledger(connection.connection)


def ledger_context(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Open the context of a request; take the user from your authentication, not as here."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with context.use(actor_type="user", actor_id=request.headers.get("X-User", "anonymous")):
            return get_response(request)

    return middleware


class Deal(models.Model):
    """A deal."""

    id = models.CharField(primary_key=True, max_length=20)
    stage = models.CharField(max_length=20)

    class Meta:
        """A table of its own, in no app."""

        app_label = "shop"
        db_table = "deals"

    def __str__(self) -> str:
        return f"{self.id}: {self.stage}"


@transaction.atomic
def move_deal(_: HttpRequest, deal_id: str, stage: str) -> JsonResponse:
    """Move a deal to a stage: both or neither are there, as the view is atomic."""
    deal = Deal.objects.select_for_update().get(pk=deal_id)
    receipt = ledger_of_request().emit_event(
        "deal.stage_changed",
        {"old_stage": deal.stage, "new_stage": stage},
        aggregate_type="deal",
        aggregate_id=deal_id,
    )
    deal.stage = stage
    deal.save()
    if stage == "impossible":
        raise ValueError("no such stage")
    return JsonResponse({"event_id": str(receipt.id)})


urlpatterns = [path("deals/<str:deal_id>/<str:stage>", move_deal)]
