"""One HTML page shows a sampling: self-contained, offline, made from plain values.

>>> from molflow.report import Measure, Quantity, Report, attempts, write_report
"""

from molflow.report.drawing import attempts
from molflow.report.page import write_report
from molflow.report.values import Attempt, Ess, Measure, Quantity, Report

__all__ = ["Attempt", "Ess", "Measure", "Quantity", "Report", "attempts", "write_report"]
