"""Copies that were cut, turned, mirrored, stretched or shown inside something larger."""
