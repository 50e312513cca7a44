"""The shop's dashboard: products, sales that move stock, a cached summary, and a health that really asks."""
