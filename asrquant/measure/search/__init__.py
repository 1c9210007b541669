"""A search for the smallest and fastest mixture of precisions that still answers as the original does, and what it found."""
