"""Verbs: one function per thing an actor does, one transaction each. Knows neither Flask nor adapters."""
