"""The health of a flow map is measured at probes, judged by findings and drawn."""
