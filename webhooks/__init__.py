"""What providers and mailboxes say about our mail, in one vocabulary; knows no database."""
