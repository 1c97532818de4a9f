"""What a person takes away: files of objects, splats, masks, cameras, and the page to share."""
