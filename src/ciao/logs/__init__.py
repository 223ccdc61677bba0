"""Lines of logs. Knows neither Kubernetes nor processes."""
