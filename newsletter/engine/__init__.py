"""Who runs work: today the embedded engine, one process on one database."""
