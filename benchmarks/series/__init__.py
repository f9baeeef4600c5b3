"""Fine-tuning on series of molecules."""
