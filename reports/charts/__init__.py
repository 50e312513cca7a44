"""Static SVG charts, one file a chart: each a picture, a description in words, and its figures as a table."""
