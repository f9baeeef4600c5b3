"""The health of a flow map: where it is measured, what the measures say, their picture."""
