# Completion for fish: put this into ~/.config/fish/completions or /usr/share/fish/vendor_completions.d.
command -q postern; and _POSTERN_COMPLETE=fish_source postern | source
