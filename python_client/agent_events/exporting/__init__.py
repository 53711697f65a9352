"""Exports: the events that match, as JSON Lines, JSON, CSV or Parquet; each is on record."""

from __future__ import annotations

from agent_events.exporting.export import FORMATS, Exported, ExportRefused, export_events

__all__ = ["FORMATS", "ExportRefused", "Exported", "export_events"]
