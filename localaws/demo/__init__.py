"""The guided run: a real route, a real deployment, every stage."""
