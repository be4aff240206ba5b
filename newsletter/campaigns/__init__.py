"""What staff do with a campaign: draft, look, test, start, pause, resume, cancel, and read what became of it."""
