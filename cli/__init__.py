"""What operators do from the command line, with their AWS credentials."""
