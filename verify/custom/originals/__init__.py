"""What a port is compared with: Keras models, functions, SavedModels, graphs."""
