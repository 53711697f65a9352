"""Foundation."""

from agent_events.migrate import run_frozen

revision = "agent_events_0001"
down_revision = None
branch_labels = ("agent_events",)
depends_on = None


def upgrade() -> None:
    """Send 0001_foundation.up.sql."""
    run_frozen(__file__, "up")


def downgrade() -> None:
    """Send 0001_foundation.down.sql."""
    run_frozen(__file__, "down")
