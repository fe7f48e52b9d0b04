"""Rules of the house. Standard library only: no clock, no chance, no input or output."""
