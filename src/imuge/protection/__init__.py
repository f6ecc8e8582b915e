"""What imuge does to a picture and finds out about a copy: one public step a file."""
