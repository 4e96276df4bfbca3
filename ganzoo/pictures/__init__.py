"""Pictures: grids, films, points in the plane, figures, and notes of what made them."""
