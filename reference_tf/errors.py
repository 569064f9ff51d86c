"""What the original graph refuses."""


class GenotypeError(ValueError):
    """A genotype that the original cannot build; the message names the block or the field."""
