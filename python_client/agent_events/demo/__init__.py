"""The demo: a legacy audit file, a scripted agent, attempts to tamper, and a tour of them."""

from .agent import AgentStory, run_agent
from .audit_file import write_audit_file
from .tampering import NotRefused, Refusal, try_to_tamper
from .tour import Tour

__all__ = [
    "AgentStory",
    "NotRefused",
    "Refusal",
    "Tour",
    "run_agent",
    "try_to_tamper",
    "write_audit_file",
]
