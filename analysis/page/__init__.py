"""The report's page, put together from the results without touching a file: one module per part of the page."""
