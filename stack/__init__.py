"""What is drilled: the images, their configuration, and the Compose project that runs them."""
