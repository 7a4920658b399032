"""Text made from records and events: the list of runs, a run's page, its progress and its logs."""
