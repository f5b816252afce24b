"""A rehearsal as one page that needs no network and no script."""
