"""Whether the ledger is what was sealed and signed, and what is not as it should be."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent_events.explorer.anchored import Anchor, read_anchors
from agent_events.explorer.database import Reader, reading
from agent_events.explorer.links import Links
from agent_events.explorer.pages._navigation import Navigation
from agent_events.explorer.rendering import render
from agent_events.explorer.security import form, form_token
from agent_events.explorer.settings import Settings
from agent_events.explorer.verification import Verifications
from agent_events.models import Event

DOCTOR_TIMEOUT = timedelta(seconds=20)

_HEAD = """
    select h.tree_size, h.root, h.block_no, h.block_hash, h.sealed_at, h.epoch
    from ledger.log_heads as h
    where h.tenant_id = %(tenant_id)s
"""


async def show_integrity(request: Request) -> Response:
    """Show the seal, the checkpoints and the last verification."""
    settings: Settings = request.app.state.settings
    async with reading(request) as reader:
        tenant_id = reader.tenant_id
        stats = await reader.ledger.stats(tenant_id=tenant_id)
        head = await reader.row(_HEAD)
        recorded = await _last_recorded(reader)
    anchors = await asyncio.to_thread(read_anchors, settings, tenant_id)
    async with reading(request) as reader:
        agreements = [await _agrees(reader, anchor) for anchor in anchors]
    return render(
        request,
        "integrity.html",
        anchors=list(zip(anchors, agreements, strict=True)),
        head=head,
        recorded=recorded,
        stats=stats,
        tenant_id=tenant_id,
        token=form_token(request),
        verification=_verifications(request).last(tenant_id),
    )


async def show_doctor(request: Request) -> Response:
    """Show what the doctor finds, who looks at more than other questions: hence apart."""
    async with reading(request, DOCTOR_TIMEOUT, lane="doctor") as reader:
        findings = await reader.unless_refused(reader.ledger.doctor)
        tenant_id = reader.tenant_id
    template = "_doctor.html" if "hx-request" in request.headers else "doctor.html"
    return render(request, template, findings=findings, tenant_id=tenant_id)


async def show_verification(request: Request) -> Response:
    """Show how far the verification is."""
    async with reading(request) as reader:
        tenant_id = reader.tenant_id
        recorded = await _last_recorded(reader)
    verification = _verifications(request).last(tenant_id)
    return render(
        request,
        "_verification.html",
        recorded=recorded,
        tenant_id=tenant_id,
        token=form_token(request),
        verification=verification,
    )


async def start_verification(request: Request) -> Response:
    """Begin one, and go back to the page that shows how far it is."""
    await form(request)
    async with reading(request) as reader:
        await reader.ledger.stats(tenant_id=reader.tenant_id)  # refused where it is not granted
        _verifications(request).start(reader.tenant_id)
    links = Links(request.query_params.get("tenant"))
    return RedirectResponse(f"{links.to('/integrity')}#verification", 303)


async def _last_recorded(reader: Reader) -> Event | None:
    found = await reader.ledger.find_events(
        tenant_id=reader.tenant_id, event_types=["ledger.verified"], newest_first=True, page_size=1
    )
    return found[0] if found else None


async def _agrees(reader: Reader, anchor: Anchor) -> bool | None:
    """Tell whether the log, as its tiles say, is still the one that was signed."""
    if anchor.signed is None:
        return None
    checkpoint = anchor.signed.checkpoint
    head = await reader.row(_HEAD)
    if head is None or head["tree_size"] < checkpoint.tree_size:
        return False
    root = await reader.ledger.log_root(tree_size=checkpoint.tree_size, tenant_id=reader.tenant_id)
    return root == checkpoint.root


def _verifications(request: Request) -> Verifications:
    verifications: Verifications = request.app.state.verifications
    return verifications


ROUTES = [
    Route("/integrity", show_integrity),
    Route("/integrity/doctor", show_doctor),
    Route("/integrity/verification", show_verification),
    Route("/integrity/verification", start_verification, methods=["POST"]),
]
NAVIGATION = Navigation("Integrity", "/integrity", "i")
