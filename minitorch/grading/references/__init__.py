"""References of exercises that stand nowhere else in the package."""
