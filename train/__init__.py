"""Fine-tuning: from a folder of videos and verified weights to a tested classifier."""
