"""Using a trained model: restoring pictures, drawing new ones."""
