"""Jobs, three lines each: ids in, one verb. The table that lists them is booking.ports.JOBS."""
