"""Calls of functions as audit events."""
