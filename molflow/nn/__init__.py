"""The networks of all modalities share these layers."""
