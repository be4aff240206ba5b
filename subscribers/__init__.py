"""Who may be written to, about what, and by whose consent; knows no HTTP and no SMTP."""
