"""What was verified of a tenant, in a sentence."""

from __future__ import annotations

from agent_events.verifying.checkpoints import Anchored
from agent_events.verifying.tenant import TenantReport


def summary(tenant: TenantReport) -> str:
    """Say what was read, and how much was found."""
    text = f"{tenant.tenant_id}: {tenant.tree_size:,} events in {tenant.block_no:,} blocks"
    if tenant.cold:
        text += f", {tenant.cold:,} of them in cold files"
    if tenant.events + tenant.cold != tenant.tree_size:
        text += f", {tenant.events:,} of them read"
    if tenant.unsealed:
        text += f", {tenant.unsealed:,} not sealed yet"
    return f"{text}, {tenant.findings:,} findings" if tenant.findings else text


def held_against(tenant: TenantReport, anchored: Anchored) -> str:
    """Say which signed checkpoints it agrees with, and what that leaves open."""
    signed = anchored.signed.get(tenant.tenant_id)
    if not signed:
        return (
            "Without a signed checkpoint only its consistency with itself was checked: whoever can "
            "rewrite the database can rewrite all of it, consistently."
        )
    if tenant.checkpoints < len(signed):
        return f"{tenant.checkpoints:,} of {len(signed):,} signed checkpoints agree."
    rest = tenant.tree_size - (tenant.anchored_size or 0)
    which = "the signed checkpoint"
    if len(signed) > 1:
        which = f"{len(signed):,} signed checkpoints, the last"
    text = f"It agrees with {which} of {tenant.anchored_size:,} events"
    return f"{text}; the {rest:,} after it are consistent with themselves." if rest else f"{text}."
