"""What happens to a published picture: tampering that changes it, processing that keeps it."""
