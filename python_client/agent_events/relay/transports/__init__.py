"""The destinations: a module each, imported when it is used."""
