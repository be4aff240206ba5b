"""What would go wrong with a campaign if it were sent now: one module for each family of checks.

A check takes what one reader would get, and yields findings. Each mail that differs is looked at once.
"""
