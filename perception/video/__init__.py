"""What happens in a video, seen without any weights: motion, colours, what comes and goes."""
