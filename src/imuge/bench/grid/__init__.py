"""The grid: any systems side by side; tables, plots, examples."""
