"""Measurements of the product, as ratios within one run. Nothing here is part of the wheel."""
