"""A journal that is a list."""

from emitting.conftest import journal

__all__ = ["journal"]
