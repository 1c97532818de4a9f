"""The lab without a page: workspace, captures, steps computed once, and the queue for slow work."""
