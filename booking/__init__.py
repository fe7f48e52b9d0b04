"""Tour de rôle: each in turn. Scarce appointments are drawn by lot, in the open, so that hurrying gains nothing.

The map. One need flows through seven words, and each word names the file in every layer::

    demande ─▶ checks ─▶ waitlist ─▶ draw ─▶ slots ─▶ convocation ─▶ guichet

    workers | booking.web | booking.cli     edges: read input, call one verb, show the result
              booking.bootstrap             the only place where the world is plugged in
              booking.services              verbs: one function per thing an actor does, one transaction each
    booking.store | booking.gateways        rows | Valkey, jobs, mail, keys, beacon
              booking.ports                 what the verbs need from the world, and the table of jobs
              booking.domain                rules: standard library only; no clock, no chance, no I/O

``ls */*/draw.py`` shows all there is about the draw. Imports run downwards only (pyproject.toml, import-linter).
Beside the layers: ``settings`` (the environment), ``clock`` (time), ``entropy`` (chance), ``run`` (the parent process
behind ``make run``), ``__main__`` (``python -m booking VERB``).
"""
