"""Arrays by name, as both sides hand them over."""

import numpy as np

Arrays = dict[str, np.ndarray]
