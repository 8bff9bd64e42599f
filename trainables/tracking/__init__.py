"""Recording in MLflow."""
