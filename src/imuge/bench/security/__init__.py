"""Verdicts where the protection itself is attacked."""
