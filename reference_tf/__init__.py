"""The original TensorFlow graph of Tiny Video Networks, in present-day TensorFlow."""

from reference_tf.errors import GenotypeError
from reference_tf.original import Original

__all__ = ["GenotypeError", "Original"]
