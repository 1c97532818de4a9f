"""Training of the judge of candidates on made captures: scenes by our own stereo, questions, fitting."""
