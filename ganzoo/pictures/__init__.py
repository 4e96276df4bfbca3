"""Pictures: grids, films, points in the plane, figures, and what made them."""
