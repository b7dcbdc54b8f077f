"""A small segmenter with weights of our own: data, network, training, inference."""
