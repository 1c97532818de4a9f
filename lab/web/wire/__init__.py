"""What goes over the line between the page and its session: commands of the page, messages to it, and the types of
both for the page's scripts.
"""
