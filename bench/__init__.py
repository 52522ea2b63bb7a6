"""How fast the house is, as ratios to bare programs measured in the same run on the same machine (`make bench`)."""
