"""What the results mean: tables, costs, fronts, comparison, verdict, report."""
