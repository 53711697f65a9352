"""Events that are taken now and sent soon, many at once."""
