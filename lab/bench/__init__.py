"""`liftlab bench`: a plan of cases, one process per case, results that survive a kill."""
