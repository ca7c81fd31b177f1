"""What happened: followed live, and listed."""
