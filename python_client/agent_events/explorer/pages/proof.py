"""Why an event can be believed: its way up the Merkle tree, and the evidence to take away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from agent_events.evidence.build import Order, build_bundle
from agent_events.evidence.checkpoints import SignedCheckpoint
from agent_events.evidence.errors import EvidenceError
from agent_events.evidence.offline.manifest import Query
from agent_events.evidence.rows import use_utf8
from agent_events.explorer.anchored import largest, read_anchors
from agent_events.explorer.database import reading, standalone_dsn
from agent_events.explorer.merkle_svg import drawing_of
from agent_events.explorer.parameters import uuid_in_path
from agent_events.explorer.proving import prove_event
from agent_events.explorer.rendering import render
from agent_events.explorer.settings import Settings


async def show_proof(request: Request) -> Response:
    """Show the inclusion proof of an event, recomputed."""
    event_id = uuid_in_path(request)
    settings: Settings = request.app.state.settings
    async with reading(request) as reader:
        tenant_id = reader.tenant_id
        event = await reader.ledger.get_event(event_id, tenant_id=tenant_id)
    anchors = await asyncio.to_thread(read_anchors, settings, tenant_id)
    signed = largest(anchors)
    refusal, proof = None, None
    try:
        proof = await asyncio.to_thread(
            prove_event, settings, tenant_id, event_id, signed.checkpoint if signed else None
        )
    except EvidenceError as error:
        if event is None:
            raise HTTPException(404, f"There is no event {event_id} that you may see.") from error
        refusal = error
    return render(
        request,
        "proof.html",
        anchors=anchors,
        drawing=drawing_of(proof) if proof else None,
        event=event,
        event_id=event_id,
        proof=proof,
        refusal=refusal,
        signed=signed,
        tenant_id=tenant_id,
    )


async def download_bundle(request: Request) -> Response:
    """Give out the evidence bundle of an event: checked before, as its reader will check it."""
    event_id = uuid_in_path(request)
    settings: Settings = request.app.state.settings
    async with reading(request) as reader:
        tenant_id = reader.tenant_id
    signed = largest(await asyncio.to_thread(read_anchors, settings, tenant_id))
    if signed is None:
        raise HTTPException(
            409,
            f"There is no signed checkpoint of tenant {tenant_id} to make evidence against. Start "
            "the explorer with --anchor and --vkey, and sign one: agent-events checkpoint",
        )
    folder = TemporaryDirectory(prefix="agent-events-explorer-")
    try:
        path = await asyncio.to_thread(
            _build, settings, Path(folder.name), tenant_id, event_id, signed
        )
    except EvidenceError as error:
        folder.cleanup()
        raise HTTPException(409, f"{error.message}. {error.hint or ''}".strip()) from error
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(
        path,
        filename=f"evidence-{event_id}.zip",
        media_type="application/zip",
        background=BackgroundTask(folder.cleanup),
    )


def _build(
    settings: Settings, folder: Path, tenant_id: str, event_id: UUID, signed: SignedCheckpoint
) -> Path:
    order = Order(tenant_id, Query(event_ids=(str(event_id),)))
    path = folder / "evidence.zip"
    with psycopg.connect(standalone_dsn(settings, read_only=True), autocommit=True) as connection:
        use_utf8(connection)
        build_bundle(connection, order, signed, path)
    return path


ROUTES = [
    Route("/events/{id}/proof", show_proof),
    Route("/events/{id}/evidence.zip", download_bundle),
]
NAVIGATION = None
