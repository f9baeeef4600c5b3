"""What the networks of all modalities share."""
