"""Commands under supervision, and the shell that answers questions: here and over SSH alike."""
