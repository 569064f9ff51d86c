"""Videos to batches: which there are, decoding, clips, splits, loaders."""
