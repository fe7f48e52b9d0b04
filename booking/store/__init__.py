"""Rows: one file per aggregate, its tables and its queries. Knows SQLAlchemy, nothing of the web nor of Redis."""
