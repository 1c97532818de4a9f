"""What runs in the child process of camera estimation: details, matches, models. Nothing else imports pycolmap here."""
