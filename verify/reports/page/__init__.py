"""A report as one HTML page that needs nothing else, made from the report's data alone.

Plots are SVG made here, with a little script of the page's own, and no plotting library is inlined:
uPlot (51 kB) and Chart.js (210 kB) draw on a canvas, which knows neither the page's colours in the
dark and on paper nor a screen reader; Plotly's smallest bundle is 1.2 MB, Vega with Vega-Lite
0.8 MB. What is drawn here are lines on one logarithmic scale, and bars.
"""

from verify.reports.page.render import render, render_summary

__all__ = ["render", "render_summary"]
