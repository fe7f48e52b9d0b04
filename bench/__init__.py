"""Measurements: what the rules and the code do, in figures that a command prints again."""
