"""From the ledger to the wire: what is due, how it is sent, and how each answer is settled."""
