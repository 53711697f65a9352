"""The connections of an emitter: made when they are needed, kept, and left when they are broken."""
