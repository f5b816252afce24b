"""The embedded AWS and the embedded PostgreSQL, with every stack deployed: no account, no cost."""
