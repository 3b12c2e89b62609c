"""Who runs what? Entry points, calls, and what requests, jobs and start-up reach."""
