"""The parts of ``benches/namespace.py``."""
