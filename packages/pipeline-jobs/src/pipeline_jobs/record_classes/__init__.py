"""Record classes: what a row must be, as a pydantic model, a msgspec Struct or a dataclass."""
