"""How fast this is, against well-known yardsticks in the same run: `python -m benchmarks`, or `make bench`.

Each measurement is a module with a `measure(scale)` that answers rows. What is measured runs in a process of its own,
so that its memory is its own, and what it is compared with runs just before and after it on the same machine.
"""
