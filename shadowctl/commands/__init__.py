"""Every command and its options. Each imports what it needs, so that none waits for another's."""
