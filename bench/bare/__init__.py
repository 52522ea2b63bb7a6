"""What a measure is held against: engine, database and web framework alone, each a program of its own, so that no ratio is chosen."""
