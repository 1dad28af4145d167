"""Settings: their declarations, the places they come from, and the values they may have."""
