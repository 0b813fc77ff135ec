"""Training base classifiers under the noise that they are certified with."""
