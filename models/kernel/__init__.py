"""What every capability stands on: money, clock, ids, errors, text and the vault for sensitive columns."""
