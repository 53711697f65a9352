"""What begins and ends, and is recorded then."""
