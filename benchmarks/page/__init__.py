"""The running lab: its page and its memory."""
