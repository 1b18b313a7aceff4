"""The migrations of the table of accounts."""
