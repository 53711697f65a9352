"""Import a legacy audit trail (SQLite, table action_audit_events). See docs/importing.md."""

from .importer import Importer
from .mapping import Mapping, load_mapping
from .mapping_check import MappingError
from .report import Report
from .report_view import view
from .source import AuditSource, SourceError
from .transform import Transformer, action_uuid

__all__ = [
    "AuditSource",
    "Importer",
    "Mapping",
    "MappingError",
    "Report",
    "SourceError",
    "Transformer",
    "action_uuid",
    "load_mapping",
    "view",
]
