"""What happened in videos: events with times, places, things, key frames and words."""
