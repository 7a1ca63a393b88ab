"""Mail on its way in: tails on a real store and the trial provider."""
