"""The results directory: where runs are kept, what is known of each, and the facts beside it."""
