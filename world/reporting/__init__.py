"""An arena's report: figures of many lives, and one page that shows them."""
