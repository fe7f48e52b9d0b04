"""Adapters: each one answers to a Protocol of booking.ports and is plugged in by booking.bootstrap."""
